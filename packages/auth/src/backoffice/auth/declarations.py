"""Declarations: what the code of an app says of its permissions, and what its routes ask for.

They are declared by `auth.permission("books:read", "See books")`, or by being asked for. An app
that declares one of its own declares all: what asks for another keeps it from starting.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Mount

from backoffice.auth.catalogue import OWN, Catalogue, Known
from backoffice.auth.guards import Guard
from backoffice.auth.permissions import EVERYTHING, parsed
from backoffice.core import InvalidInput, SetupError, Singleton
from backoffice.core.dependencies import NAMED

if TYPE_CHECKING:
    from backoffice.auth.services import Services

#: Where what is mounted, or a dependency, names what it knows: a sequence of Known.
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

    def catalogue(self, app: Starlette, services: "Singleton[Services]") -> Catalogue:
        """What this app knows; SetupError where it declares some, and asks for another."""
        parts = list(_parts(app.routes))
        brought = [known for _, part in parts for known in getattr(part, KNOWS, ())]
        asked = [*_asked(parts, services), *self._asked.values()]
        if self._declared:
            _check(Catalogue([*self._declared.values(), *brought, *OWN]), asked)
        patterns = (each for each in asked if not each.name.endswith("*"))
        return Catalogue([*self._declared.values(), *brought, *OWN, *patterns])


def _parts(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What is mounted and what routes depend on, of sub-apps too, and where each is."""
    for context in iter_route_contexts(routes):
        where = f"{prefix}{context.path or ''}"
        if isinstance(mount := context.original_route, Mount | Host):
            yield where, mount.app
            yield from _parts(list(mount.routes or ()), where)
        elif dependant := getattr(context, "dependant", None):
            yield from ((where, each) for each in _calls(dependant))


def _calls(dependant: Any) -> Iterator[Any]:
    pending = [dependant]
    while pending:
        each = pending.pop()
        yield each.call
        pending += each.dependencies


def _asked(parts: Iterable[tuple[str, Any]], services: "Singleton[Services]") -> Iterator[Known]:
    for where, part in parts:
        if isinstance(part, Guard) and services in getattr(part, NAMED):
            for name in (*part.permissions, *part.any_of):
                yield Known(name, "", where)


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
