"""A difference for people to read, and for programs."""

from collections.abc import Iterator, Mapping
from typing import Any

from backoffice.auth.role_files.differences import Change, Created, Deleted, Difference

NOTHING = "no difference"


def text(difference: Difference, held_by: Mapping[str, int]) -> str:
    """Every change under the role or user that it is about; `held_by` counts holders of roles."""
    lines = []
    for about, changes in sorted(_by_subject(difference).items()):
        sign = next((each.sign for each in changes if isinstance(each, Created | Deleted)), "~")
        count = held_by.get(about.removeprefix("role "), 0) if about.startswith("role ") else 0
        lines.append(f"{sign} {about}{_holders(count)}")
        told = [each for each in changes if not isinstance(each, Created | Deleted)]
        lines += [f"    {each.sign} {each}" for each in told]
    return "\n".join([*lines, *([""] if lines else []), summary(difference)])


def notes(difference: Difference) -> Iterator[str]:
    """What is not to be done, and may surprise."""
    if difference.unnamed:
        several = len(difference.unnamed) > 1
        yield (
            f"not in the file, and left alone without --prune: role{'s' if several else ''} "
            f"{', '.join(difference.unnamed)}"
        )
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
    parts = [f"{_counted(count, 'role')} {what}" for what, count in counts.items() if count]
    users = len(by_subject) - roles
    return ", ".join([*parts, *([f"{_counted(users, 'user')} to change"] if users else [])])


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


def _holders(count: int) -> str:
    return "" if not count else f"  (held by {_counted(count, 'account')})"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
