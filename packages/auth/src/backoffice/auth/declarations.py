"""Declarations: what the code of an app says of its permissions, and what its routes ask for.

They are declared by `auth.permission("books:read", "See books")`, or by being asked for. An app
that declares one of its own declares all: what asks for another keeps it from starting.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Mount

from backoffice.auth.catalogue import OWN, Catalogue, Known
from backoffice.auth.entrances import entrances
from backoffice.auth.permissions import EVERYTHING, parsed
from backoffice.core import InvalidInput, SetupError, Singleton
from backoffice.core.dependencies import NAMED

if TYPE_CHECKING:
    from backoffice.auth.services import Services

#: Where a mounted app names what it knows: a sequence of Known.
KNOWS = "__backoffice_permissions__"


class Declarations:
    """The permissions that an app names in code, before it runs."""

    def __init__(self) -> None:
        self._declared: dict[str, Known] = {}
        self._asked: dict[str, Known] = {}

    def declare(self, name: str, description: str = "") -> str:
        """Declare one of the app's own; the same string."""
        found = Known(_one(name), description, "auth.permission")
        if self._declared.setdefault(name, found) != found:
            raise SetupError(f"the permission {name} is declared twice, with two descriptions")
        return name

    def ask(self, name: str, source: str) -> str:
        """Note that something asks for it that is no guard of a route, such as a field."""
        self._asked.setdefault(name, Known(_formed(name), "", source))
        return name

    def catalogue(
        self, app: Starlette, services: "Singleton[Services]", narrowed: Iterable[str] = ()
    ) -> Catalogue:
        """What this app knows; SetupError where it declares some, and asks for another.

        What policies narrow it knows too, if it declares none.
        """
        brought = [*_brought(app.routes), *OWN]
        asked = [*_asked(app, services), *self._asked.values()]
        if self._declared:
            _check(Catalogue([*self._declared.values(), *brought]), asked)
        else:
            asked += [Known(each, "", "auth.policy") for each in narrowed]
        named = (each for each in asked if not each.name.endswith("*"))
        return Catalogue([*self._declared.values(), *brought, *named])


def _brought(routes: Sequence[BaseRoute]) -> Iterator[Known]:
    """What mounted apps say that they know, as the admin does of its models."""
    for context in iter_route_contexts(routes):
        if isinstance(mount := context.original_route, Mount | Host):
            # Starlette keeps what was mounted beside what it has wrapped it in.
            yield from getattr(getattr(mount, "_base_app", mount.app), KNOWS, ())
            yield from _brought(list(mount.routes or ()))


def _asked(app: Starlette, services: "Singleton[Services]") -> Iterator[Known]:
    for entrance in entrances(app):
        for guard in entrance.guards:
            if services in getattr(guard, NAMED):
                for name in (*guard.permissions, *guard.any_of):
                    yield Known(name, "", entrance.shown)


def _check(declared: Catalogue, asked: Iterable[Known]) -> None:
    for each in asked:
        if not declared.knows(each.name):
            meant = declared.suggestion(each.name)
            hint = f"did you mean {meant}?" if meant else "declare it by auth.permission(...)"
            raise SetupError(
                f"{each.source} asks for the permission {each.name}, which the app does not "
                f"declare; {hint}"
            )


def _formed(name: str) -> str:
    try:
        return parsed(name)
    except InvalidInput as error:
        raise SetupError(error.message) from None


def _one(name: str) -> str:
    if name == EVERYTHING or _formed(name).endswith(":*"):
        raise SetupError(f"{name} stands for many permissions; declare each by its name")
    return name
