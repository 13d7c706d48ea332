"""The functions by which what hangs on a column is made for its twin as well."""

from backoffice.migrations.fixes.routine import Routine

_DOUBLE = '''
def _double(table: str, column: str, twin: str, function: str, back: bool) -> None:
    """Indexes and constraints of the twin, as those of the column, made while others write."""
    names = _told_by(function).get("names", {})
    found = _as_renamed(table, column, twin)
    doubles = _doubles(table, twin, found)
    for each, double in zip(found, doubles, strict=True):
        name = names[str(each["name"])] if back else double
        if each["kind"] in "iu":
            index = _beside(table, name)
            kind = "UNIQUE INDEX" if each["is_unique"] else "INDEX"
            told, where, rest = each["told"].partition(" WHERE ")
            told += f" TABLESPACE {_quoted(each['place'])}" if each["place"] else ""
            with _concurrently(index):
                _execute(
                    f"CREATE {kind} CONCURRENTLY IF NOT EXISTS {_quoted(name)}"
                    f" ON {table} {told}{where}{rest}"
                )
        if each["kind"] == "u" and not _has_constraint(table, name):
            later = " DEFERRABLE" if each["condeferrable"] else ""
            later += " INITIALLY DEFERRED" if each["condeferred"] else ""
            _execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {_quoted(name)}"
                f" UNIQUE USING INDEX {_quoted(name)}{later}"
            )
        if each["kind"] in "cf":
            if not _has_constraint(table, name):
                _execute(
                    f"ALTER TABLE {table} ADD CONSTRAINT {_quoted(name)} {each['told']} NOT VALID"
                )
            if each["valid"]:
                _validate(table, _quoted(name))
        if each["said"] is not None:
            of = f"INDEX {_beside(table, name)}"
            of = of if each["kind"] == "i" else f"CONSTRAINT {_quoted(name)} ON {table}"
            _execute(f"COMMENT ON {of} IS {_literal(each['said'])}")
'''

_AS_RENAMED = '''
def _as_renamed(table: str, column: str, twin: str) -> list[dict[str, Any]]:
    """What hangs on a column, as PostgreSQL itself tells it of one with the other name."""
    found = [dict(each) for each in _hanging(table, column, twin)]
    for each in found:
        each["told"] = each["told"].removesuffix(" NOT VALID")
    if not found:
        return []
    _execute("DROP TABLE IF EXISTS pg_temp._renamed")
    _execute(f"CREATE TEMPORARY TABLE _renamed (LIKE {table})")
    if column != twin:
        _execute(f"ALTER TABLE pg_temp._renamed DROP COLUMN {_quoted(twin)}")
    for place, each in enumerate(found):
        if each["kind"] in "iu":
            _execute(f"CREATE INDEX _renamed_{place} ON pg_temp._renamed {each['told']}")
        elif each["kind"] == "c":
            _execute(f"ALTER TABLE pg_temp._renamed ADD CONSTRAINT _{place} {each['told']}")
    if column != twin:
        _execute(
            f"ALTER TABLE pg_temp._renamed RENAME COLUMN {_quoted(column)} TO {_quoted(twin)}"
        )
    for place, each in enumerate(found):
        if each["kind"] in "iu":
            asked = f"pg_get_indexdef('pg_temp._renamed_{place}'::regclass)"
            asked = f"regexp_replace({asked}, '^.*? USING ', 'USING ')"
        elif each["kind"] == "c":
            asked = (
                "(SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                f" WHERE conrelid = 'pg_temp._renamed'::regclass AND conname = '_{place}')"
            )
        else:
            continue
        (told,) = _rows(f"SELECT {asked} AS told")
        each["told"] = told["told"]
    _execute("DROP TABLE pg_temp._renamed")
    return found
'''

_TOLD_BY = '''
def _told_by(function: str) -> dict[str, Any]:
    """What a twin's trigger knows: since when it is whole, and the names of the doubles."""
    found = _rows(
        "SELECT obj_description(to_regprocedure(:function), 'pg_proc') AS told", function=function
    )
    return json.loads(found[0]["told"] or "{}") if found else {}
'''

_HANGING = '''
def _hanging(table: str, column: str, twin: str) -> list[Any]:
    """The indexes and constraints of a column, the first made first, and how its twin has them."""
    return _rows(
        "SELECT indexrelid AS id, relname AS name, coalesce(contype, 'i')::text AS kind,"
        " condeferrable, condeferred, true AS valid, indisunique AS is_unique,"
        " (SELECT spcname FROM pg_tablespace WHERE oid = reltablespace) AS place,"
        " coalesce(obj_description(pg_constraint.oid, 'pg_constraint'),"
        " obj_description(indexrelid, 'pg_class')) AS said,"
        " regexp_replace(pg_get_indexdef(indexrelid), '^.*? USING ', 'USING ') AS told"
        " FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " JOIN pg_attribute ON attrelid = indrelid LEFT JOIN pg_constraint"
        " ON conindid = indexrelid AND conrelid = indrelid AND contype IN ('u', 'p', 'x')"
        " WHERE indrelid = to_regclass(:table) AND attname = :column AND (attnum = ANY (indkey)"
        " OR EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass"
        " AND objid = indexrelid AND refobjid = indrelid AND refobjsubid = attnum))"
        " UNION ALL SELECT pg_constraint.oid, conname, contype::text, condeferrable, condeferred,"
        " convalidated, false, NULL, obj_description(pg_constraint.oid, 'pg_constraint'),"
        " CASE contype WHEN 'f' THEN 'FOREIGN KEY (' || (SELECT string_agg(quote_ident("
        " CASE their.attname WHEN :column THEN :twin ELSE their.attname END), ', '"
        " ORDER BY place)"
        " FROM unnest(conkey) WITH ORDINALITY AS keyed (number, place) JOIN pg_attribute AS their"
        " ON their.attrelid = conrelid AND their.attnum = number)"
        " || regexp_replace(pg_get_constraintdef(pg_constraint.oid), '^.*?\\\\) REF', ') REF')"
        " ELSE pg_get_constraintdef(pg_constraint.oid) END"
        " FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)"
        " WHERE conrelid = to_regclass(:table) AND attname = :column AND contype IN ('c', 'f')"
        " ORDER BY id",
        table=table,
        column=column,
        twin=twin,
    )
'''

_BESIDE = '''
def _beside(table: str, index: str) -> str:
    """An index lies in the schema of its table."""
    found = _rows(
        "SELECT quote_ident(nspname) AS schema FROM pg_class"
        " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE pg_class.oid = to_regclass(:table)",
        table=table,
    )
    return f"{found[0]['schema']}.{_quoted(index)}" if found else _quoted(index)
'''

_DOUBLES = '''
def _doubles(table: str, name: str, found: list[dict[str, Any]]) -> list[str]:
    """What doubles are called until they take a name: after the newer one, and what they are."""
    told = [f"{table} {each['kind']} {each['is_unique']} {each['told']}" for each in found]
    begun = name.encode()[:30].decode(errors="ignore")
    return [
        f"{begun}_{hashlib.sha256(each.encode()).hexdigest()[:12]}_{told[:place].count(each)}_next"
        for place, each in enumerate(told)
    ]
'''

_TRIGGER = '''
def _trigger(function: str) -> str:
    """The name of the trigger that calls it."""
    return function.removesuffix("()").rpartition(".")[2]
'''

_LITERAL = '''
def _literal(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
'''

_QUOTED = '''
def _quoted(name: str) -> str:
    """A name as SQL writes it."""
    return op.get_context().dialect.identifier_preparer.quote(name)
'''

_ROWS = '''
def _rows(query: str, **names: str) -> list[Any]:
    """What the catalog answers."""
    return list(op.get_bind().execute(sa.text(query), names).mappings())
'''

_EXECUTE = '''
def _execute(sql: str) -> None:
    """SQL in which a colon is nothing else."""
    op.execute(sa.text(sql.replace(":", "\\\\:")))
'''

_ANY = "from typing import Any"

DOUBLES = {
    "_double": Routine(
        _DOUBLE,
        calls=(
            *("_told_by", "_as_renamed", "_doubles", "_beside", "_concurrently"),
            "_has_constraint",
            *("_validate", "_execute", "_literal", "_quoted"),
        ),
    ),
    "_as_renamed": Routine(
        _AS_RENAMED, (_ANY,), calls=("_hanging", "_rows", "_execute", "_quoted")
    ),
    "_told_by": Routine(_TOLD_BY, ("import json", _ANY), calls=("_rows",)),
    "_hanging": Routine(_HANGING, (_ANY,), calls=("_rows",)),
    "_beside": Routine(_BESIDE, calls=("_rows", "_quoted")),
    "_doubles": Routine(_DOUBLES, ("import hashlib", _ANY)),
    "_trigger": Routine(_TRIGGER),
    "_literal": Routine(_LITERAL),
    "_quoted": Routine(_QUOTED),
    "_rows": Routine(_ROWS, (_ANY,)),
    "_execute": Routine(_EXECUTE),
}
