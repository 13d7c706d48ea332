"""What lint could not read, and what no database takes."""

from collections.abc import Iterator, Sequence

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding, Level, Where
from backoffice.migrations.lint.operations import Reading, Target
from backoffice.migrations.lint.walk import Step

LONGEST = 32


def parts(reading: Reading, _: Sequence[Step], target: Target) -> Iterator[Finding]:
    """Parts that did not run while reading."""
    for each in reading.unread:
        where = Where(reading.path, each.line, reading.revision)
        if each.reason.startswith("import of "):
            yield RULES["BM902"].found(where, each.reason)
        elif not (target.dialect == "sqlite" and each.reason.startswith("NotImplementedError")):
            level: Level | None = "error" if each.reason.startswith("no Python") else None
            yield RULES["BM901"].found(where, f"not read: {each.reason}", level)


def long_identity(reading: Reading, _: Sequence[Step], __: Target) -> Iterator[Finding]:
    """An id that does not fit into alembic_version."""
    if len(reading.revision) > LONGEST:
        yield RULES["BM903"].found(
            Where(reading.path, 1, reading.revision),
            f"{reading.revision!r} has {len(reading.revision)} characters",
        )
