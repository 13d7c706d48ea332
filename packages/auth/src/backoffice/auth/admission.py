"""Who may take an entrance: as data for programs, and in the fewest words for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backoffice.auth.entrances import Entrance
from backoffice.auth.guards import METHODS, Guard
from backoffice.auth.objects import ObjectGuard
from backoffice.auth.principals import Method

#: `public`: nobody is asked. `optional`: whoever presents a credential is. `required`: everybody.
#: `own`: it asks by itself. `scheme`: a scheme of the app's own stands there, which nobody here can
#: judge. `unprotected`: nothing says who may call.
Access = Literal["public", "optional", "required", "own", "scheme", "unprotected"]


@dataclass(frozen=True)
class Admission:
    """What an entrance asks of its caller."""

    access: Access
    #: All of these are needed,
    permissions: tuple[str, ...] = ()
    #: and one of each of these.
    any_of: tuple[tuple[str, ...], ...] = ()
    #: How a caller may present themselves; all, where nothing narrows it.
    credentials: tuple[Method, ...] = ()
    #: Seconds since the caller has proved who they are, at the most.
    fresh: int | None = None
    mfa: bool = False
    verified: bool = False
    #: The dependencies that load the object which a policy judges.
    objects: tuple[str, ...] = ()
    #: Names of the app's own schemes.
    schemes: tuple[str, ...] = ()
    #: What it says of itself.
    said: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        """For people."""
        start = {
            "public": "public",
            "optional": "optional",
            "required": "" if self.permissions or self.any_of else "anyone signed in",
            "own": "",
            "scheme": "own scheme",
            "unprotected": "unprotected",
        }[self.access]
        return "; ".join([*filter(None, [start]), *self._terms()])

    def _terms(self) -> Iterator[str]:
        yield from (" and ".join(self.permissions),) if self.permissions else ()
        yield from (" or ".join(each) for each in self.any_of)
        if self.credentials and self.credentials != METHODS:
            yield f"by {' or '.join(self.credentials)}"
        if self.access == "required" and not self.credentials:
            yield "by no credential that all its guards take"
        if self.fresh is not None:
            yield f"fresh {self.fresh} s"
        yield from (name for name in ("mfa", "verified") if getattr(self, name))
        yield from (f"on {each}" for each in self.objects)
        yield from self.schemes
        yield from (each for each in self.said if each != "public")


def admission(entrance: Entrance) -> Admission:
    """Who may take the entrance."""
    guards = entrance.guards
    spans = [each.fresh for each in guards if each.fresh is not None]
    return Admission(
        access=_access(entrance),
        permissions=_each(name for guard in guards for name in guard.permissions),
        any_of=tuple(dict.fromkeys(each.any_of for each in guards if each.any_of)),
        credentials=_credentials(guards),
        fresh=int(min(spans).total_seconds()) if spans else None,
        mfa=any(each.mfa for each in guards),
        verified=any(each.verified for each in guards),
        objects=_each(each.object for each in entrance.calls if isinstance(each, ObjectGuard)),
        schemes=_each(each.scheme_name for each in entrance.others),
        said=_each(each.who for each in entrance.said),
    )


def _access(entrance: Entrance) -> Access:
    """Each rung asks less than the one before: whatever stands there, all of it is asked."""
    if entrance.marked:
        return "public"
    if any(not each.optional for each in entrance.guards):
        return "required"
    if any(not each.public for each in entrance.said):
        return "own"
    if entrance.guards:
        return "optional"
    if entrance.said or entrance.within_public:
        return "public"
    return "scheme" if entrance.others else "unprotected"


def _credentials(guards: list[Guard]) -> tuple[Method, ...]:
    if not guards:
        return ()
    return tuple(each for each in METHODS if all(each in guard.methods for guard in guards))


def _each(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
