"""Statements that work on a whole table."""

from collections.abc import Iterator

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.rules.wording import level, table
from backoffice.migrations.lint.walk import Step

_LONG = {
    "vacuum full": "VACUUM FULL",
    "cluster": "CLUSTER",
    "refresh": "REFRESH MATERIALIZED VIEW",
    "reindex": "REINDEX",
    "reindex index": "REINDEX",
    "move": "moving the table",
    "set expression": "a new expression of a generated column",
}


def long_work(step: Step) -> Iterator[Finding]:
    """The table is written anew, or read whole, under a lock that others wait for."""
    action = step.action
    if action.kind in _LONG and step.stalls:
        name = step.stalls[0].table
        yield RULES["BM110"].found(
            step.where,
            f"{_LONG[action.kind]} keeps others from {table(step, name)} until it is done",
            level(step, name),
        )


def locked_by_hand(step: Step) -> Iterator[Finding]:
    """LOCK TABLE in a mode that writers wait for."""
    held = [each for each in step.hurting if each.lock.blocks_writes]
    if step.action.kind == "lock" and held:
        yield RULES["BM111"].found(
            step.where,
            f"{table(step, step.action.table)} is locked in {held[0].lock} mode until the end",
        )


def attached(step: Step) -> Iterator[Finding]:
    """A partition is read whole, where no CHECK tells its bounds."""
    action = step.action
    if action.kind != "attach partition" or action.name in step.new:
        return
    other = step.known.tables.get(action.name)
    if other is None or not other.checks:
        yield RULES["BM112"].found(
            step.where,
            f"{table(step, action.name)} is read whole before it is a partition of {action.table}",
            level(step, action.name),
        )
