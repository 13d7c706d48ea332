"""A difference for people to read, and for programs."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from backoffice.auth.role_files.changes import Change, Created, Deleted, Described, Sign
from backoffice.auth.role_files.differences import Difference

NOTHING = "no difference"


def text(difference: Difference, held_by: Mapping[str, int]) -> str:
    """Every change under the role or user that it is about; `held_by` counts holders of roles."""
    lines = []
    for about, changes in sorted(_by_subject(difference).items()):
        sign = next((each.sign for each in changes if isinstance(each, Created | Deleted)), "~")
        count = held_by.get(about.removeprefix("role "), 0) if about.startswith("role ") else 0
        lines.append(f"{sign} {about}{_holders(count)}")
        told = [each for each in changes if not isinstance(each, Created | Deleted)]
        lines += [f"    {_sign(each)} {each}" for each in told]
    return "\n".join([*lines, *([""] if lines else []), summary(difference)])


def notes(difference: Difference) -> Iterator[str]:
    """What is not to be done, and may surprise."""
    if difference.unnamed:
        yield f"not in the file, and left alone without --prune: {named(difference.unnamed)}"
    for each in difference.over:
        yield f"over, take it out of the file: {each}"


def summary(difference: Difference) -> str:
    """How many roles and users it is about."""
    if not difference.changes:
        return NOTHING
    by_subject = _by_subject(difference)
    created, deleted = (len(difference.of_kind(each)) for each in (Created, Deleted))
    roles = sum(each.startswith("role ") for each in by_subject)
    counts = {
        "to create": created,
        "to change": roles - created - deleted,
        "to delete": deleted,
    }
    parts = [f"{counted(count, 'role')} {what}" for what, count in counts.items() if count]
    users = len(by_subject) - roles
    return ", ".join([*parts, *([f"{counted(users, 'user')} to change"] if users else [])])


def data(difference: Difference, held_by: Mapping[str, int]) -> dict[str, Any]:
    """The difference for programs."""
    return {
        "pending": bool(difference.changes),
        "changes": [each.data() for each in difference.changes],
        "held_by": dict(held_by),
        "unnamed": list(difference.unnamed),
        "over": list(difference.over),
    }


def _by_subject(difference: Difference) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for each in difference.changes:
        found.setdefault(each.about, []).append(each)
    return found


def _sign(change: Change) -> Sign:
    new = isinstance(change, Described) and not change.before
    return "+" if new else change.sign


def _holders(count: int) -> str:
    return "" if not count else f"  (held by {counted(count, 'account')})"


def named(roles: Collection[str]) -> str:
    """`the role a`, `the roles a, b`."""
    return f"the role{'s' if len(roles) > 1 else ''} {', '.join(sorted(roles))}"


def counted(count: int, what: str) -> str:
    """`1 role`, `1,200 roles`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
