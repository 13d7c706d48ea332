"""What an endpoint, a dependency or a mounted app says of who may call it, where no guard does.

Two marks, for whoever lists an app's routes. `public` is a decision of whoever writes the app, and
a guard that stands at the app lets strangers through to what is marked so. `admits` tells what
something does by itself, such as a dependency that asks for a permission: it changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from backoffice.core.errors import SetupError

Marked = TypeVar("Marked")

PUBLIC, ADMITS = "__backoffice_public__", "__backoffice_admits__"


@dataclass(frozen=True)
class Admits:
    """Whom something lets in by itself: everybody, or who is told in words.

    Of what is public the words say what they see who are known besides.
    """

    public: bool = True
    who: str = "public"


#: Of a mounted app: whom it lets in to the route with that path below it.
AdmitsBelow = Callable[[str], Admits]


def public(marked: Marked) -> Marked:
    """Mark what strangers must reach though a guard stands at the app, such as signing in.

    An endpoint as `@public`, or an app that is mounted: `app.mount("/static", public(StaticFiles(
    ...)))`. Raises SetupError for what takes no mark.
    """
    _mark(marked, PUBLIC, True)
    return marked


def is_public(marked: object) -> bool:
    """Whether it is marked so itself: what inherits from a public class is not."""
    return bool(_found(marked, PUBLIC))


def admits(said: Admits | AdmitsBelow) -> Callable[[Marked], Marked]:
    """Mark a dependency, an endpoint or an app with whom it lets in by itself."""

    def mark(marked: Marked) -> Marked:
        _mark(marked, ADMITS, said)
        return marked

    return mark


def admitted(marked: object, below: str = "") -> Admits | None:
    """What it says of itself, and of its route with that path; None where it says nothing."""
    said = _found(marked, ADMITS)
    if said is None or isinstance(said, Admits):
        return said
    found: Admits = said(below)
    return found


def _mark(marked: object, name: str, value: object) -> None:
    try:
        setattr(marked, name, value)
    except AttributeError:
        raise SetupError(
            f"{marked!r} takes no mark: mark the function that it is made from, or name its path "
            "in auth.protect(app, public=[...])"
        ) from None


def _found(marked: object, name: str) -> Any:
    return getattr(marked, "__dict__", {}).get(name)
