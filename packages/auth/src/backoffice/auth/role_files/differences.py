"""What there is to do so that a database is as a file says: pure functions of both.

The changes come in an order in which each can be done: what an inclusion refers to is there, what
closes a circle is taken before what is added, and what is taken from people goes first.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from backoffice.auth.role_files.changes import (
    Allowed,
    Change,
    Created,
    Deleted,
    Denied,
    Described,
    Excluded,
    Extended,
    Given,
    Granted,
    Included,
    Prolonged,
    Revoked,
    Taken,
    until,
)
from backoffice.auth.role_files.documents import Fault, meant
from backoffice.auth.role_files.terms import Grants, RoleTerms, Terms


@dataclass(frozen=True)
class Difference:
    """What there is to do, and what else to know of it."""

    changes: tuple[Change, ...] = ()
    #: Roles that the file does not name, and that stay.
    unnamed: tuple[str, ...] = ()
    #: Grants of the file that are over by now.
    over: tuple[str, ...] = field(default=())

    def of_kind(self, *kinds: type[Change]) -> list[Change]:
        """The changes of these kinds."""
        return [each for each in self.changes if type(each) in kinds]


def difference(held: Terms, wanted: Terms, now: datetime, *, prune: bool = False) -> Difference:
    """What makes `held` be as `wanted`; with `prune` no other role is left.

    `held` has the holders of those roles for which they are wanted, and the users wanted.
    """
    others = sorted(held.roles.keys() - wanted.roles.keys())
    changes = [
        *_of_users(held, wanted, now, taken=True),
        *_of_roles(held, wanted, now),
        *_of_users(held, wanted, now, taken=False),
        *(Deleted(each) for each in others if prune),
    ]
    return Difference(tuple(changes), () if prune else tuple(others), tuple(_over(wanted, now)))


def faults(held: Terms, wanted: Terms, *, prune: bool = False) -> list[Fault]:
    """What keeps the file from being applied: inclusions of roles that are not, and circles."""
    left = dict(wanted.roles) if prune else {**held.roles, **wanted.roles}
    found = [
        Fault(("roles", name, "includes"), f"there is no role {each}{meant(each, left)}", each)
        for name, role in wanted.roles.items()
        for each in sorted(role.includes - left.keys())
    ]
    return found or [
        Fault(("roles", circle[0], "includes"), f"a circle: {' > '.join(circle)}", circle[1])
        for circle in _circles({name: role.includes for name, role in left.items()})
        if circle[0] in wanted.roles
    ]


def _of_roles(held: Terms, wanted: Terms, now: datetime) -> Iterator[Change]:
    """By kind over all roles, for the order; a reader sorts them by role again."""
    names = sorted(wanted.roles)
    pairs = [(each, held.roles.get(each, _NONE), wanted.roles[each]) for each in names]
    yield from (Created(each) for each in names if each not in held.roles)
    for name, before, after in pairs:
        yield from (Revoked(name, each) for each in _gone(before.holders, after.holders))
        if before.description != after.description:
            yield Described(name, before.description, after.description)
        yield from (Denied(name, each) for each in sorted(before.permissions - after.permissions))
        yield from (Allowed(name, each) for each in sorted(after.permissions - before.permissions))
        yield from (Excluded(name, each) for each in sorted(before.includes - after.includes))
    for name, before, after in pairs:
        yield from (Included(name, each) for each in sorted(after.includes - before.includes))
    for name, before, after in pairs:
        for user, ends, is_new in _new(before.holders, after.holders, now):
            yield (Granted if is_new else Extended)(name, user, ends)


def _of_users(held: Terms, wanted: Terms, now: datetime, *, taken: bool) -> Iterator[Change]:
    for user, after in sorted(wanted.users.items()):
        before = held.users.get(user, {})
        if taken:
            yield from (Taken(user, each) for each in _gone(before, after))
        else:
            for permission, ends, is_new in _new(before, after, now):
                yield (Given if is_new else Prolonged)(user, permission, ends)


_NONE = RoleTerms()


def _gone(before: Grants | None, after: Grants | None) -> list[str]:
    return [] if after is None else sorted((before or {}).keys() - after.keys())


def _new(
    before: Grants | None, after: Grants | None, now: datetime
) -> Iterator[tuple[str, datetime | None, bool]]:
    """What is wanted and not held so: its name, when it ends, and whether it is new."""
    had = before or {}
    for name, ends in sorted((after or {}).items()):
        if name in had and had[name] != ends:
            yield name, ends, False
        elif name not in had and (ends is None or ends > now):
            yield name, ends, True


def _over(wanted: Terms, now: datetime) -> Iterator[str]:
    lists: list[tuple[str, Grants | None]] = [
        *((f"role {name}: held by ", role.holders) for name, role in sorted(wanted.roles.items())),
        *((f"user {name}: ", grants) for name, grants in sorted(wanted.users.items())),
    ]
    for about, grants in lists:
        for name, ends in sorted((grants or {}).items()):
            if ends is not None and ends <= now:
                yield f"{about}{name}{until(ends)}"


def _circles(included: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Each circle once, from the first of its names on; without recursion: chains may be long."""
    done: set[str] = set()
    for start in sorted(included):
        chain: list[str] = []
        ahead = [iter([start])]
        while ahead:
            name = next(ahead[-1], None)
            if name is None:
                ahead.pop()
                if chain:
                    done.add(chain.pop())
            elif name in chain:
                yield [*chain[chain.index(name) :], name]
            elif name not in done:
                chain.append(name)
                ahead.append(iter(sorted(included.get(name, ()))))
