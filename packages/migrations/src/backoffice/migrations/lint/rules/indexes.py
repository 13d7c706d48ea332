"""Indexes on tables that are in use."""

from collections.abc import Iterator

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.rules.wording import level, table
from backoffice.migrations.lint.walk import Step


def built_while_writers_wait(step: Step) -> Iterator[Finding]:
    """CREATE INDEX takes SHARE, which INSERT, UPDATE and DELETE wait for."""
    action = step.action
    if action.kind == "create index" and step.stalls:
        told = f"index {action.name or 'without a name'} on {table(step, action.table)}"
        yield RULES["BM101"].found(
            step.where, f"{told} is built while writers wait", level(step, action.table)
        )


def not_repeatable(step: Step) -> Iterator[Finding]:
    """CREATE INDEX CONCURRENTLY leaves an INVALID index where it fails."""
    action = step.action
    if action.kind != "create index" or "concurrently" not in action.flags:
        return
    dropped = any(
        each.action.kind == "drop index" and each.action.name == action.name
        for each in step.earlier
    )
    if "if not exists" not in action.flags and not dropped and not step.fresh:
        yield RULES["BM304"].found(
            step.where, f"index {action.name}: a try that fails leaves an INVALID index behind"
        )
