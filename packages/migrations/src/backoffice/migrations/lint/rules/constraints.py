"""Constraints on tables that are in use."""

from collections.abc import Iterator

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.rules.wording import level, table
from backoffice.migrations.lint.walk import Step


def keys(step: Step) -> Iterator[Finding]:
    """UNIQUE and PRIMARY KEY build an index under ACCESS EXCLUSIVE."""
    action = step.action
    if action.kind in ("add unique", "add primary key") and step.stalls:
        kind = action.kind.removeprefix("add ")
        told = f"{kind} constraint {action.name}".rstrip()
        yield RULES["BM102"].found(
            step.where,
            f"{told} on {table(step, action.table)} builds its index while all wait",
            level(step, action.table),
        )


def foreign_keys(step: Step) -> Iterator[Finding]:
    """FOREIGN KEY takes SHARE ROW EXCLUSIVE on both tables, and reads both."""
    action = step.action
    # A new table has no rows to check: the other is locked for a moment only.
    if action.kind != "add foreign key" or step.fresh or not step.stalls:
        return
    told = f"foreign key {action.name}".rstrip()
    yield RULES["BM103"].found(
        step.where,
        f"{told} of {table(step, action.table)} to {action.references} is checked for every row "
        "while writers of both wait",
        level(step, action.table),
    )


def checks(step: Step) -> Iterator[Finding]:
    """CHECK reads every row under ACCESS EXCLUSIVE: a new one, or that of a column whose type
    changes."""
    action = step.action
    if action.kind == "alter type" and step.stalls and not any(e.rewrite for e in step.stalls):
        yield RULES["BM104"].found(
            step.where,
            f"the checks of {action.table}.{action.name}, whose type changes, read every row of "
            f"{table(step, action.table)} while all wait",
            level(step, action.table),
        )
    if action.kind in ("add check", "add not null") and step.stalls:
        yield RULES["BM104"].found(
            step.where,
            f"check {action.name} on {table(step, action.table)} reads every row while all wait",
            level(step, action.table),
        )


def not_null(step: Step) -> Iterator[Finding]:
    """SET NOT NULL reads every row, unless a valid CHECK says it already."""
    action = step.action
    if action.kind == "set not null" and step.stalls:
        yield RULES["BM105"].found(
            step.where,
            f"NOT NULL of {action.table}.{action.name} reads every row of "
            f"{table(step, action.table)} while all wait",
            level(step, action.table),
        )


def exclusions(step: Step) -> Iterator[Finding]:
    """EXCLUDE builds an index under ACCESS EXCLUSIVE."""
    action = step.action
    if action.kind == "add exclude" and step.stalls:
        yield RULES["BM109"].found(
            step.where,
            f"exclusion {action.name} on {table(step, action.table)} builds its index while "
            "all wait",
            level(step, action.table),
        )
