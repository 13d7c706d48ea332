"""What a statement does to the tables it touches: the lock it takes, whether it reads or writes
every row."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.grammar import parse
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.lint.types import rewrites


class Lock(IntEnum):
    """PostgreSQL's table locks, the weakest first (documentation, section 13.3.1)."""

    NONE = 0
    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def blocks_writes(self) -> bool:
        """Whether INSERT, UPDATE and DELETE wait for it."""
        return self >= Lock.SHARE

    @property
    def blocks_reads(self) -> bool:
        """Whether even SELECT waits for it."""
        return self is Lock.ACCESS_EXCLUSIVE

    def __str__(self) -> str:
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Effect:
    """What one statement does to one table.

    `scan`: every row is read while the lock is held. `rewrite`: the table is written anew.
    `rows`: rows are changed by UPDATE or DELETE with no bound of their number.
    On SQLite `lock` says whether others can read or write meanwhile, for the whole database.
    """

    table: str
    lock: Lock
    scan: bool = False
    rewrite: bool = False
    rows: bool = False


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


def postgresql_effects(action: Action, target: Target, known: Schema) -> tuple[Effect, ...]:
    """What one action does on PostgreSQL; measured in tests/migrations/lint/test_oracle.py."""
    if action.kind in _PLAIN:
        lock, scan = _PLAIN[action.kind]
        return _effect(action.table, lock, scan)
    special = _SPECIAL.get(action.kind)
    return special(action, target, known) if special else ()


def _effect(
    table: str, lock: Lock, scan: bool = False, rewrite: bool = False, rows: bool = False
) -> tuple[Effect, ...]:
    return (Effect(table, lock, scan or rewrite, rewrite, rows),) if table else ()


#: The versions from which on a default is kept in the catalog, and a CHECK proves NOT NULL.
_DEFAULTS_WITHOUT_ROWS, _PROVEN_BY_CHECKS = (11,), (12,)
#: Actions that always do the same: the lock, and whether every row is read.
_PLAIN: dict[str, tuple[Lock, bool]] = {
    "drop not null": (Lock.ACCESS_EXCLUSIVE, False),
    "set default": (Lock.ACCESS_EXCLUSIVE, False),
    "drop default": (Lock.ACCESS_EXCLUSIVE, False),
    "drop identity": (Lock.ACCESS_EXCLUSIVE, False),
    "add identity": (Lock.ACCESS_EXCLUSIVE, False),
    "alter column": (Lock.ACCESS_EXCLUSIVE, False),
    "alter table": (Lock.ACCESS_EXCLUSIVE, False),
    "alter constraint": (Lock.ACCESS_EXCLUSIVE, False),
    "rename column": (Lock.ACCESS_EXCLUSIVE, False),
    "rename table": (Lock.ACCESS_EXCLUSIVE, False),
    "rename constraint": (Lock.ACCESS_EXCLUSIVE, False),
    "set schema": (Lock.ACCESS_EXCLUSIVE, False),
    "drop view": (Lock.ACCESS_EXCLUSIVE, False),
    "drop materialized view": (Lock.ACCESS_EXCLUSIVE, False),
    "alter view": (Lock.ACCESS_EXCLUSIVE, False),
    "add exclude": (Lock.ACCESS_EXCLUSIVE, True),
    "add partition": (Lock.ACCESS_EXCLUSIVE, False),
    "set storage parameter": (Lock.SHARE_UPDATE_EXCLUSIVE, False),
    "switch trigger": (Lock.SHARE_ROW_EXCLUSIVE, False),
    "create trigger": (Lock.SHARE_ROW_EXCLUSIVE, False),
    "referenced": (Lock.SHARE_ROW_EXCLUSIVE, False),
    "inherited": (Lock.SHARE_UPDATE_EXCLUSIVE, False),
    "publish": (Lock.SHARE_UPDATE_EXCLUSIVE, False),
    "drop trigger": (Lock.ACCESS_EXCLUSIVE, False),
    "alter trigger": (Lock.ACCESS_EXCLUSIVE, False),
    "create rule": (Lock.ACCESS_EXCLUSIVE, False),
    "drop rule": (Lock.ACCESS_EXCLUSIVE, False),
    "alter rule": (Lock.ACCESS_EXCLUSIVE, False),
    "create policy": (Lock.ACCESS_EXCLUSIVE, False),
    "drop policy": (Lock.ACCESS_EXCLUSIVE, False),
    "alter policy": (Lock.ACCESS_EXCLUSIVE, False),
    "comment": (Lock.SHARE_UPDATE_EXCLUSIVE, False),
    "create statistics": (Lock.SHARE_UPDATE_EXCLUSIVE, False),
    "analyze": (Lock.SHARE_UPDATE_EXCLUSIVE, False),
    "vacuum": (Lock.SHARE_UPDATE_EXCLUSIVE, True),
    "read": (Lock.ACCESS_SHARE, False),
    "lock rows": (Lock.ROW_SHARE, False),
    "insert": (Lock.ROW_EXCLUSIVE, False),
    "insert select": (Lock.ROW_EXCLUSIVE, False),
}


def _move(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    return _effect(action.table, Lock.ACCESS_EXCLUSIVE, rewrite=True)


def _changed_rows(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    unbounded = not bounded(action.expression)
    return _effect(action.table, Lock.ROW_EXCLUSIVE, scan=unbounded, rows=unbounded)


def _drop_table(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    tables = [action.table, *known.pointed_at(action.table)]
    if "cascade" in action.flags:
        tables += known.pointing(action.table)
    return _all(list(dict.fromkeys(tables)), Lock.ACCESS_EXCLUSIVE)


def _truncate(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    tables, cascade = [action.table], "cascade" in action.flags
    for table in tables:
        tables += [each for each in known.pointing(table) if cascade and each not in tables]
    return _all(tables, Lock.ACCESS_EXCLUSIVE)


def _drop_column(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    others = known.pointed_at(action.table, action.name)
    return _all([action.table, *others], Lock.ACCESS_EXCLUSIVE)


def _create_view(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    there = "or replace" in action.flags and known.has(action.table)
    return _effect(action.table, Lock.ACCESS_EXCLUSIVE) if there else ()


def _all(tables: Sequence[str], lock: Lock) -> tuple[Effect, ...]:
    return tuple(effect for table in tables for effect in _effect(table, lock))


def _add_column(action: Action, target: Target, known: Schema) -> tuple[Effect, ...]:
    flags = action.flags
    constrained = action.type in known.domains
    early = target.version < _DEFAULTS_WITHOUT_ROWS and "default" in flags
    rewrite = constrained or early or bool(flags & {"volatile", "stored", "identity", "serial"})
    index = bool(flags & {"unique", "primary key"})
    checked = "references" in flags and "default" in flags
    empty_only = "not null" in flags and not flags & {"default", "serial", "identity", "stored"}
    found = _effect(
        action.table, Lock.ACCESS_EXCLUSIVE, index or checked or empty_only, rewrite=rewrite
    )
    return found + _effect(action.references, Lock.SHARE_ROW_EXCLUSIVE, scan=checked)


def _alter_type(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    old = known.column(action.table, action.name).type
    rewrite = rewrites(old, action.type, known.utc) or not _plain_cast(action)
    # Its foreign key is made anew with it.
    others = [
        effect
        for name in known.pointed_at(action.table, action.name)
        for effect in _effect(name, Lock.ACCESS_EXCLUSIVE, scan=rewrite)
    ]
    return (*_effect(action.table, Lock.ACCESS_EXCLUSIVE, rewrite=rewrite), *others)


def _plain_cast(action: Action) -> bool:
    """Whether USING says no more than the type itself."""
    if not action.expression:
        return True
    bare = re.sub(r'[\s"()]', "", action.expression.lower())
    wanted = re.sub(r'[\s"()]', "", action.type.lower())
    return bare in (action.name.lower(), f"{action.name.lower()}::{wanted}")


def _set_not_null(action: Action, target: Target, known: Schema) -> tuple[Effect, ...]:
    table = known.tables.get(action.table)
    proven = table is not None and (
        known.column(action.table, action.name).nullable is False
        or any(
            target.version >= _PROVEN_BY_CHECKS
            and column == action.name
            and name not in table.not_valid
            for name, column in table.not_null_checks.items()
        )
    )
    return _effect(action.table, Lock.ACCESS_EXCLUSIVE, scan=not proven)


def _add_check(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    return _effect(action.table, Lock.ACCESS_EXCLUSIVE, scan="not valid" not in action.flags)


def _add_foreign_key(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    scan = "not valid" not in action.flags
    own = _effect(action.table, Lock.SHARE_ROW_EXCLUSIVE, scan)
    if action.references in ("", action.table):
        return own
    return own + _effect(action.references, Lock.SHARE_ROW_EXCLUSIVE, scan)


def _add_unique(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    return _effect(action.table, Lock.ACCESS_EXCLUSIVE, scan="using index" not in action.flags)


def _validate(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    key = known.references.get(action.table, {}).get(action.name)
    own = _effect(action.table, Lock.SHARE_UPDATE_EXCLUSIVE, scan=True)
    return own + (_effect(key.table, Lock.ROW_SHARE, scan=True) if key else ())


def _drop_constraint(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    key = known.references.get(action.table, {}).get(action.name)
    tables = [action.table, key.table if key else ""]
    if "cascade" in action.flags:
        tables += known.pointing(action.table)
    return _all(list(dict.fromkeys(tables)), Lock.ACCESS_EXCLUSIVE)


def _create_index(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    concurrent = "concurrently" in action.flags
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.SHARE
    return _effect(action.table, lock, scan="only" not in action.flags)


def _drop_index(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    concurrent = "concurrently" in action.flags
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.ACCESS_EXCLUSIVE
    return _effect(known.indexes.get(action.name, ""), lock)


def _reindex(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    concurrent = "concurrently" in action.flags
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.SHARE
    return _effect(action.table or known.indexes.get(action.name, ""), lock, scan=True)


def _refresh(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    if "concurrently" in action.flags:
        return _effect(action.table, Lock.EXCLUSIVE, scan=True)
    return _effect(action.table, Lock.ACCESS_EXCLUSIVE, rewrite=True)


def _lock_table(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    mode = "_".join(action.name.upper().split())
    lock = Lock[mode] if mode in Lock.__members__ else Lock.ACCESS_EXCLUSIVE
    return _effect(action.table, lock)


def _attach(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    parent = _effect(action.table, Lock.SHARE_UPDATE_EXCLUSIVE)
    return parent + _effect(action.name, Lock.ACCESS_EXCLUSIVE, scan=True)


def _inherit(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    parent = _effect(action.name, Lock.SHARE_UPDATE_EXCLUSIVE)
    return _effect(action.table, Lock.ACCESS_EXCLUSIVE) + parent


def _drop_type(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    return _all(of_type(action, known), Lock.ACCESS_EXCLUSIVE)


def of_type(action: Action, known: Schema) -> list[str]:
    """The tables that lose their columns of a type which is dropped with CASCADE."""
    return [
        name
        for name, table in known.tables.items()
        if "cascade" in action.flags
        and any(each.type == action.name for each in table.columns.values())
    ]


def _detach(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    concurrent = "concurrently" in action.flags
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.ACCESS_EXCLUSIVE
    return _effect(action.table, lock) + _effect(action.name, Lock.ACCESS_EXCLUSIVE)


_SPECIAL: dict[str, Callable[[Action, Target, Schema], tuple[Effect, ...]]] = {
    "move": _move,
    "set expression": _move,
    "vacuum full": _move,
    "cluster": _move,
    "truncate": _truncate,
    "drop column": _drop_column,
    "create view": _create_view,
    "drop table": _drop_table,
    "update": _changed_rows,
    "delete": _changed_rows,
    "add column": _add_column,
    "alter type": _alter_type,
    "set not null": _set_not_null,
    "add not null": _add_check,
    "add check": _add_check,
    "add foreign key": _add_foreign_key,
    "add unique": _add_unique,
    "add primary key": _add_unique,
    "validate": _validate,
    "drop constraint": _drop_constraint,
    "create index": _create_index,
    "drop index": _drop_index,
    "reindex": _reindex,
    "reindex index": _reindex,
    "refresh": _refresh,
    "lock": _lock_table,
    "inherit": _inherit,
    "drop type": _drop_type,
    "attach partition": _attach,
    "detach partition": _detach,
}


def sqlite_effects(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    """What one action does on SQLite, where whoever writes keeps all others from writing."""
    kind = action.kind
    if kind == "read":
        return _effect(action.table, Lock.ACCESS_SHARE)
    if kind in ("update", "delete"):
        return _changed_rows_on_sqlite(action)
    table = action.table or known.indexes.get(action.name, "")
    rewrite = kind in ("drop column", "vacuum", "vacuum full")
    scan = kind in ("create index", "reindex", "insert select", "add check")
    return _effect(table, Lock.EXCLUSIVE, scan=scan, rewrite=rewrite)


def _changed_rows_on_sqlite(action: Action) -> tuple[Effect, ...]:
    unbounded = not bounded(action.expression)
    return _effect(action.table, Lock.EXCLUSIVE, scan=unbounded, rows=unbounded)


_BOUND = re.compile(
    r"^\W*(\w+\.)?\"?(\w*_)?(id|uuid|key|code|slug|name)\"?\s*(=\s*[^\s(]+|in\s*\((?!\s*select))",
    re.IGNORECASE,
)
_PLACES = re.compile(r"\bctid\s*=\s*any\s*\(\s*array\b", re.IGNORECASE)


def bounded(where: str) -> bool:
    """Whether a condition holds the number of rows small: an equality on what looks like a key,
    or places in the table that were looked up before."""
    if _PLACES.search(where):
        return True
    return bool(_BOUND.match(where)) and not re.search(r"\bor\b", where, re.IGNORECASE)
