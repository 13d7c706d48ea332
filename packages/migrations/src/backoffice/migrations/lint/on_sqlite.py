"""What each action locks on SQLite, which has one lock for the whole database."""

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.bounds import bounded
from backoffice.migrations.lint.modes import Effect, Lock, effect_on
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema


def sqlite_effects(action: Action, _: Target, known: Schema) -> tuple[Effect, ...]:
    """What one action does on SQLite, where whoever writes keeps all others from writing."""
    kind = action.kind
    if kind == "read":
        return effect_on(action.table, Lock.ACCESS_SHARE)
    if kind in ("update", "delete"):
        return _changed_rows_on_sqlite(action)
    table = action.table or known.indexes.get(action.name, "")
    rewrite = kind in ("drop column", "vacuum", "vacuum full")
    scan = kind in ("create index", "reindex", "insert select", "add check")
    return effect_on(table, Lock.EXCLUSIVE, scan=scan, rewrite=rewrite)


def _changed_rows_on_sqlite(action: Action) -> tuple[Effect, ...]:
    unbounded = not ("limited" in action.flags or bounded(action.expression))
    return effect_on(action.table, Lock.EXCLUSIVE, scan=unbounded, rows=unbounded)
