"""Looks: light or dark colours, and how close lines stand, as chosen in this browser."""

from dataclasses import dataclass
from typing import Literal, Self, cast
from urllib.parse import unquote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.visits import root

Scheme = Literal["", "light", "dark"]
Density = Literal["", "compact"]

_COOKIE = "backoffice_look"
_FOLDED = "backoffice_folded"
_YEAR = 365 * 24 * 3600
_SCHEMES = ("", "light", "dark")
_DENSITIES = ("", "compact")
_ATTRIBUTE = Markup(' data-{}="{}"')


@dataclass(frozen=True)
class Look:
    """What was chosen; what is empty is as the system has it."""

    scheme: Scheme = ""
    density: Density = ""

    @classmethod
    def of(cls, request: Request) -> Self:
        """That of this browser; what is not ours is as if nothing was chosen."""
        return cls().changed(*request.cookies.get(_COOKIE, "").split(".")[:2])

    def changed(self, scheme: object = None, density: object = None) -> Self:
        """The same, with what of these is a choice."""
        return type(self)(
            cast(Scheme, scheme) if scheme in _SCHEMES else self.scheme,
            cast(Density, density) if density in _DENSITIES else self.density,
        )

    def keep(self, request: Request, response: Response) -> None:
        """Have the browser say so from now on."""
        response.set_cookie(
            _COOKIE,
            f"{self.scheme}.{self.density}",
            max_age=_YEAR,
            path=root(request) or "/",
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )

    @property
    def attributes(self) -> Markup:
        """For the element of the page: it is painted right at once, with no script."""
        found = Markup("")
        for name, value in (("look", self.scheme), ("density", self.density)):
            found += _ATTRIBUTE.format(name, value) if value else ""
        return found


def folded(request: Request) -> frozenset[str]:
    """The headings of the side bar that were folded away."""
    return frozenset(unquote(request.cookies.get(_FOLDED, "")).split("|"))
