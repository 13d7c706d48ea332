"""Values of PostgreSQL's enums: added and renamed in the catalog, where no table is touched."""

import ast
import re

from backoffice.migrations.fixes.calls import Call, identifier
from backoffice.migrations.fixes.steps import ByHand, Step, execute, sql_string

_ADDED = re.compile(
    r"^(\s*ALTER\s+TYPE\s+\S+\s+ADD\s+VALUE\s+)(IF\s+NOT\s+EXISTS\s+)?(?=')", re.IGNORECASE
)


def adds_value(call: Call) -> bool:
    """Whether an `execute` adds a value to an enum."""
    return _ADDED.match(call.string("sqltext") or "") is not None


def add_value(call: Call) -> Step | ByHand:
    """`ALTER TYPE ... ADD VALUE` by itself, so that what follows may use the value."""
    sql = _ADDED.sub(r"\1IF NOT EXISTS ", call.string("sqltext") or "").strip()
    if ";" in sql.rstrip(";"):
        return ByHand("it adds several values in one statement: write them apart")
    return Step(tuple(execute(call.op, sql)))


def sync_enum_values(call: Call) -> Step | ByHand:
    """What alembic-postgresql-enum does by writing every table anew, by the catalog alone."""
    name, values = call.string("enum_name"), call.strings("new_values")
    before = _values_before(call)
    if name is None or values is None or before is None:
        return ByHand("the values before and after it are not written out in both directions")
    renamed = _renamed(call)
    if renamed is None:
        return ByHand("the values that it renames are not written out")
    kept = [dict(renamed).get(each, each) for each in before]
    if gone := [each for each in kept if each not in values]:
        return ByHand(
            f"it takes away {', '.join(gone)}, for which every row is looked at: change the rows "
            "first, and keep the value where that may be"
        )
    if [each for each in values if each in kept] != kept:
        return ByHand("it changes the order of the values")
    kind = identifier(name, call.string("enum_schema"))
    lines = [line for old, new in renamed for line in execute(call.op, _rename(kind, old, new))]
    for sql in _additions(kind, kept, values):
        lines += execute(call.op, sql)
    return Step(tuple(lines))


def _additions(kind: str, kept: list[str], values: list[str]) -> list[str]:
    told = []
    for place, each in enumerate(values):
        if each in kept:
            continue
        beside = f"AFTER {sql_string(values[place - 1])}" if place else None
        beside = beside or (f"BEFORE {sql_string(kept[0])}" if kept else "")
        told.append(
            f"ALTER TYPE {kind} ADD VALUE IF NOT EXISTS {sql_string(each)} {beside}".strip()
        )
    return told


def _rename(kind: str, old: str, new: str) -> str:
    found = f"enumtypid = {sql_string(kind)}::regtype AND enumlabel = {sql_string(old)}"
    return (
        f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_enum WHERE {found}) THEN "
        f"ALTER TYPE {kind} RENAME VALUE {sql_string(old)} TO {sql_string(new)}; END IF; END $$"
    )


def _values_before(call: Call) -> list[str] | None:
    """What the revision goes back to."""
    downgrade = call.source.function("downgrade")
    for statement in downgrade.body if downgrade is not None else ():
        back = call.source.call(statement)
        if back is None or back.verb != call.verb:
            continue
        if back.string("enum_name") == call.string("enum_name"):
            return back.strings("new_values")
    return None


def _renamed(call: Call) -> list[tuple[str, str]] | None:
    node = call.arguments.get("enum_values_to_rename")
    if node is None:
        return []
    try:
        pairs = [(str(old), str(new)) for old, new in ast.literal_eval(node)]
    except (ValueError, TypeError, SyntaxError):
        return None
    return pairs
