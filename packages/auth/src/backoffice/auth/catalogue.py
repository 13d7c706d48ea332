"""The catalogue: which permissions the app of a run knows. `declarations.py` finds them."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from backoffice.auth.permissions import EVERYTHING, grants, parsed
from backoffice.core import InvalidInput

_LONGEST_NAME = 128
#: Of 1 for the same word: `raed` for `read`, but not `orders` for `users`.
_MISTYPED = 0.6


@dataclass(frozen=True)
class Known:
    """A permission that the app knows; `source` is what knows it: a route, a page, a package."""

    name: str
    description: str = ""
    source: str = ""


#: What the packages ask for wherever they are used.
OWN = (
    *(
        Known(f"{resource}:{verb}", f"{told} {resource}", "backoffice.auth")
        for resource in ("users", "roles")
        for verb, told in (
            ("view", "See"),
            ("add", "Make"),
            ("change", "Change"),
            ("delete", "Delete"),
        )
    ),
    Known("permissions:view", "See permissions, and who holds them", "backoffice.auth"),
    Known("tokens:introspect", "Ask what a token is", "backoffice.auth"),
    Known("health:read", "See the details of health", "backoffice.core"),
    Known("metrics:read", "Read the metrics of limits", "backoffice.ratelimit"),
)


class Catalogue:
    """The permissions that an app knows; `Catalogue()`, of no app, takes whatever has the form."""

    def __init__(self, known: Iterable[Known] | None = None) -> None:
        #: Whether an app is there, so that what it does not know is none.
        self.complete = known is not None
        self._known: dict[str, Known] = {}
        for each in known or ():
            self._known.setdefault(each.name, each)

    def all(self) -> list[Known]:
        """Every permission that is known, in order; patterns are none."""
        return sorted(self._known.values(), key=lambda each: each.name)

    def knows(self, permission: str) -> bool:
        """Whether the permission, or something that the pattern covers, is known."""
        if permission in self._known or permission == EVERYTHING or not self.complete:
            return True
        pattern = frozenset({permission})
        return permission.endswith(":*") and any(grants(pattern, each) for each in self._known)

    def checked(self, permission: str) -> str:
        """The same string; InvalidInput for one that has not the form, or that is not known."""
        if len(parsed(permission)) > _LONGEST_NAME or not self.knows(permission):
            raise InvalidInput(
                f"this app knows no permission {permission!r}{self._hint(permission)}",
                code="unknown_permission",
            )
        return permission

    def suggestion(self, permission: str) -> str | None:
        """The known permission or pattern that was meant, perhaps."""
        names = [*self._known]
        if permission.endswith(":*"):
            names = sorted({f"{each.partition(':')[0]}:*" for each in names})
        nearest = max(names, key=lambda each: _likeness(permission, each), default="")
        return nearest if _likeness(permission, nearest) >= _MISTYPED else None

    def _hint(self, permission: str) -> str:
        meant = self.suggestion(permission)
        if meant is not None:
            return f"; did you mean {meant}?"
        return "; `backoffice permissions list` shows those that there are"


def _likeness(one: str, other: str) -> float:
    """Of the parts that are least alike: `orders:view` is no mistyped `users:view`."""
    parts = zip(one.split(":"), other.split(":"), strict=False)
    return min(SequenceMatcher(None, *each).ratio() for each in parts)
