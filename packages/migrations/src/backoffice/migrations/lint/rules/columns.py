"""Columns that are added or changed."""

from collections.abc import Iterator

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.copies import COPY
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.rules.wording import level, table
from backoffice.migrations.lint.walk import Step

_SOURCES = {
    "stored": "GENERATED ... STORED",
    "identity": "IDENTITY",
    "serial": "SERIAL",
}
#: What gives each row a value without a DEFAULT.
_FILLED = frozenset({"default", "serial", "identity", "stored", "virtual"})


def rewriting(step: Step) -> Iterator[Finding]:
    """A value of each row's own, computed when the column is added."""
    action = step.action
    if action.kind != "add column" or not any(each.rewrite for each in step.hurting):
        return
    source = next((told for flag, told in _SOURCES.items() if flag in action.flags), "")
    yield RULES["BM106"].found(
        step.where,
        f"column {action.name} ({source or 'DEFAULT ' + action.expression}) writes "
        f"{table(step, action.table)} anew while all wait",
        level(step, action.table),
    )


def keyed(step: Step) -> Iterator[Finding]:
    """UNIQUE, PRIMARY KEY, or REFERENCES with a default, in the column itself."""
    action = step.action
    if action.kind != "add column" or not step.stalls or any(e.rewrite for e in step.hurting):
        return
    kind = next((each for each in ("primary key", "unique") if each in action.flags), "")
    if kind or ("references" in action.flags and "default" in action.flags):
        told = f"builds the index of its {kind}" if kind else "checks its foreign key in every row"
        yield RULES["BM107"].found(
            step.where,
            f"column {action.name} of {table(step, action.table)} {told} while all wait",
            level(step, action.table),
        )


def retyped(step: Step) -> Iterator[Finding]:
    """A type whose values are stored otherwise."""
    action = step.action
    if action.kind != "alter type" or not any(each.rewrite for each in step.hurting):
        return
    old = step.known.column(action.table, action.name).type
    before = f"from {old} " if old else ""
    unknown = "" if old else ", unless it only gets wider: what it was is not known"
    yield RULES["BM108"].found(
        step.where,
        f"type of {action.table}.{action.name} {before}to {action.type} writes "
        f"{table(step, action.table)} anew while all wait{unknown}",
        level(step, action.table),
    )


def without_default(step: Step) -> Iterator[Finding]:
    """NOT NULL, and nothing to fill the rows with that are there."""
    action = step.action
    if action.kind != "add column" or step.fresh or step.action.table.startswith(COPY):
        return
    if "not null" in action.flags and not action.flags & _FILLED:
        yield RULES["BM405"].found(
            step.where,
            f"column {action.name} of {table(step, action.table)} is NOT NULL and has no default",
        )


def default_taken(step: Step) -> Iterator[Finding]:
    """Code that does not know the column leaves it to the default."""
    action = step.action
    if action.kind != "drop default" or step.fresh:
        return
    if step.known.column(action.table, action.name).nullable is False:
        yield RULES["BM406"].found(
            step.where,
            f"{action.table}.{action.name} is NOT NULL and loses its default",
        )
