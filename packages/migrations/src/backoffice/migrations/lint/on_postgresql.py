"""What each action locks, reads and writes on PostgreSQL: its documentation, 13.3, and measured."""

import re
from collections.abc import Callable, Sequence

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.bounds import bounded
from backoffice.migrations.lint.modes import Effect, Lock, effect_on
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.lint.statements import tokens
from backoffice.migrations.lint.types import rewrites


def postgresql_effects(action: Action, target: Target, known: Schema) -> tuple[Effect, ...]:
    """What one action does on PostgreSQL; measured in tests/migrations/lint/test_oracle.py."""
    if action.kind in _PLAIN:
        lock, scan = _PLAIN[action.kind]
        return effect_on(action.table, lock, scan)
    special = _SPECIAL.get(action.kind)
    return special(action, target, known) if special else ()


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
    return effect_on(action.table, Lock.ACCESS_EXCLUSIVE, rewrite=True)


def _changed_rows(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    unbounded = not ("limited" in action.flags or bounded(action.expression))
    return effect_on(action.table, Lock.ROW_EXCLUSIVE, scan=unbounded, rows=unbounded)


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
    return effect_on(action.table, Lock.ACCESS_EXCLUSIVE) if there else ()


def _all(tables: Sequence[str], lock: Lock) -> tuple[Effect, ...]:
    return tuple(effect for table in tables for effect in effect_on(table, lock))


def _add_column(action: Action, target: Target, known: Schema) -> tuple[Effect, ...]:
    flags = action.flags
    constrained = action.type in known.domains
    early = target.version < _DEFAULTS_WITHOUT_ROWS and "default" in flags
    rewrite = constrained or early or bool(flags & {"volatile", "stored", "identity", "serial"})
    index = bool(flags & {"unique", "primary key"})
    checked = "references" in flags and "default" in flags
    empty_only = "not null" in flags and not flags & {"default", "serial", "identity", "stored"}
    found = effect_on(
        action.table, Lock.ACCESS_EXCLUSIVE, index or checked or empty_only, rewrite=rewrite
    )
    return found + effect_on(action.references, Lock.SHARE_ROW_EXCLUSIVE, scan=checked)


def _alter_type(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    old = known.column(action.table, action.name).type
    rewrite = rewrites(old, action.type, known.utc) or not _plain_cast(action)
    # Its foreign key is made anew with it.
    others = [
        effect
        for name in known.pointed_at(action.table, action.name)
        for effect in effect_on(name, Lock.ACCESS_EXCLUSIVE, scan=rewrite)
    ]
    tried = _tried(action, known)
    return (*effect_on(action.table, Lock.ACCESS_EXCLUSIVE, tried, rewrite), *others)


def _tried(action: Action, known: Schema) -> bool:
    """Whether a CHECK names the column: it is made anew, and tried on every row."""
    table = known.tables.get(action.table)
    return table is not None and any(
        token.kind in ("word", "name") and token.text == action.name
        for name, check in table.checks.items()
        if name not in table.not_valid
        for token in tokens(check)
    )


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
    return effect_on(action.table, Lock.ACCESS_EXCLUSIVE, scan=not proven)


def _add_check(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    return effect_on(action.table, Lock.ACCESS_EXCLUSIVE, scan="not valid" not in action.flags)


def _add_foreign_key(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    scan = "not valid" not in action.flags
    own = effect_on(action.table, Lock.SHARE_ROW_EXCLUSIVE, scan)
    if action.references in ("", action.table):
        return own
    return own + effect_on(action.references, Lock.SHARE_ROW_EXCLUSIVE, scan)


def _add_unique(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    return effect_on(action.table, Lock.ACCESS_EXCLUSIVE, scan="using index" not in action.flags)


def _validate(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    key = known.references.get(action.table, {}).get(action.name)
    own = effect_on(action.table, Lock.SHARE_UPDATE_EXCLUSIVE, scan=True)
    return own + (effect_on(key.table, Lock.ROW_SHARE, scan=True) if key else ())


def _drop_constraint(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    key = known.references.get(action.table, {}).get(action.name)
    tables = [action.table, key.table if key else ""]
    if "cascade" in action.flags:
        tables += known.pointing(action.table)
    return _all(list(dict.fromkeys(tables)), Lock.ACCESS_EXCLUSIVE)


def _create_index(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    concurrent = "concurrently" in action.flags
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.SHARE
    return effect_on(action.table, lock, scan="only" not in action.flags)


def _drop_index(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    concurrent = "concurrently" in action.flags
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.ACCESS_EXCLUSIVE
    return effect_on(known.indexes.get(action.name, ""), lock)


def _reindex(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    concurrent = "concurrently" in action.flags
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.SHARE
    return effect_on(action.table or known.indexes.get(action.name, ""), lock, scan=True)


def _refresh(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    if "concurrently" in action.flags:
        return effect_on(action.table, Lock.EXCLUSIVE, scan=True)
    return effect_on(action.table, Lock.ACCESS_EXCLUSIVE, rewrite=True)


def _lock_table(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    mode = "_".join(action.name.upper().split())
    lock = Lock[mode] if mode in Lock.__members__ else Lock.ACCESS_EXCLUSIVE
    return effect_on(action.table, lock)


def _attach(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    parent = effect_on(action.table, Lock.SHARE_UPDATE_EXCLUSIVE)
    return parent + effect_on(action.name, Lock.ACCESS_EXCLUSIVE, scan=True)


def _inherit(action: Action, _: Target, __: Schema) -> tuple[Effect, ...]:
    parent = effect_on(action.name, Lock.SHARE_UPDATE_EXCLUSIVE)
    return effect_on(action.table, Lock.ACCESS_EXCLUSIVE) + parent


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
    return effect_on(action.table, lock) + effect_on(action.name, Lock.ACCESS_EXCLUSIVE)


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
