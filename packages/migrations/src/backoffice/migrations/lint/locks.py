"""What a statement does to the tables it touches: the lock it takes, whether it reads or writes
every row."""

from collections.abc import Iterator
from dataclasses import replace

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.grammar import parse
from backoffice.migrations.lint.modes import Effect as Effect
from backoffice.migrations.lint.modes import Lock as Lock
from backoffice.migrations.lint.on_postgresql import postgresql_effects
from backoffice.migrations.lint.on_sqlite import sqlite_effects
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema


def effects(sql: str, target: Target, known: Schema) -> tuple[Effect, ...]:
    """What one statement does to each table that it touches, where the tables stand as `known`.

    A table that nothing is known of may be large, and a type of which nothing is known is thought
    to be one whose change rewrites. Several actions on one table are one effect each.
    """
    return tuple(effect for action in parse(sql) for effect in of_action(action, target, known))


def of_action(action: Action, target: Target, known: Schema) -> tuple[Effect, ...]:
    """What one action of a statement does."""
    if target.dialect == "sqlite":
        return sqlite_effects(action, target, known)
    found = postgresql_effects(action, target, known)
    if action.kind in _PARENT_ALONE:
        return found
    return tuple(part for each in found for part in _parted(each, known))


_PARENT_ALONE = ("add partition", "attach partition", "detach partition", "rename table")


def _parted(effect: Effect, known: Schema) -> Iterator[Effect]:
    """A partitioned table has no rows of its own: the work is done on its partitions."""
    parts = sorted(known.parts.get(effect.table, ()))
    if not parts or effect.lock < Lock.ROW_EXCLUSIVE:
        yield effect
        return
    yield replace(effect, scan=False, rewrite=False)
    if effect.scan or effect.rewrite or effect.rows or effect.lock is Lock.ACCESS_EXCLUSIVE:
        for each in parts:
            yield from _parted(replace(effect, table=each), known)
