"""The functions by which a revision gives a column a twin of another name.

They are written into the file. What a column is and what hangs on it, they ask the catalog at run
time; where it answers with nothing, as while lint reads them, they send what holds for any column.
"""

from textwrap import indent

from backoffice.migrations.fixes.columns import BACKFILL, PAGES_A_BATCH
from backoffice.migrations.fixes.routine import Routine

_TWIN = '''
def _twin(table: str, column: str, twin: str, function: str, *, back: bool = False) -> None:
    """Another column that is always the same, whichever of the two a writer names.

    Where both are given and differ, that of the newer name holds. Way `back`, the column is the
    newer one: what hangs on it gives up its names to what will hang on the older one.
    """
    if op.get_context().as_sql:  # nothing can be asked: at once, as the plain revision
        if not back:
            _execute(f"ALTER TABLE {table} RENAME COLUMN {_quoted(column)} TO {_quoted(twin)}")
        return
    if _lacks_column(table, column):  # it was renamed at once
        return
    _refuse_unless_movable(table, column, twin, function)
    undone = contextlib.nullcontext() if back else _or_undone(table, _quoted(twin), function)
    with undone:
        _begin_twin(table, column, twin, function, back)
        _execute(
            f"CREATE OR REPLACE TRIGGER {_trigger(function)} BEFORE INSERT OR UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}"
        )
        _execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {_trigger(function)}")
        _fill_twin(table, _quoted(column), _quoted(twin))
        if _is_required(table, column) and not _is_required(table, twin):
            _require_twin(table, twin)
        _double(table, column, twin, function, back)
        _execute(
            f"""
            DO $do$
            DECLARE
                told jsonb := obj_description(to_regprocedure('{function}'), 'pg_proc');
            BEGIN
                IF NOT told ? 'since' THEN
                    told := told || jsonb_build_object('since', clock_timestamp());
                    EXECUTE format('COMMENT ON FUNCTION {function} IS %L', told);
                END IF;
            END
            $do$
            """
        )
'''

_REFUSE = '''
def _refuse_unless_movable(table: str, column: str, twin: str, function: str) -> None:
    """What cannot be had twice, or is not known to be, is found before anything is changed."""
    found = _rows(
        "WITH it AS (SELECT * FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE attrelid = to_regclass(:table) AND attname = :column)"
        " SELECT pg_describe_object(classid, objid, objsubid) AS told FROM pg_depend JOIN it"
        " ON refobjid = attrelid AND refobjsubid = attnum"
        " WHERE refclassid = 'pg_class'::regclass AND NOT CASE classid"
        " WHEN 'pg_attrdef'::regclass THEN objid IN"
        " (SELECT oid FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum)"
        " WHEN 'pg_class'::regclass THEN deptype = 'a' AND EXISTS"
        " (SELECT FROM pg_class WHERE oid = objid AND relkind = 'S') OR EXISTS"
        " (SELECT FROM pg_index WHERE indexrelid = objid AND indisvalid AND NOT indisprimary"
        " AND NOT indisexclusion AND NOT indisreplident AND NOT indisclustered)"
        " WHEN 'pg_constraint'::regclass THEN EXISTS (SELECT FROM pg_constraint"
        " LEFT JOIN pg_index ON indexrelid = conindid AND contype = 'u'"
        " WHERE pg_constraint.oid = objid AND conrelid = attrelid AND contype IN ('c', 'f', 'u')"
        " AND NOT (contype = 'f' AND confrelid = attrelid AND attnum = ANY (confkey))"
        " AND pg_get_constraintdef(pg_constraint.oid) !~ ' SET (NULL|DEFAULT) [(]'"
        " AND NOT coalesce(indisreplident OR indisclustered, false))"
        " ELSE false END"
        " UNION ALL SELECT word FROM it, LATERAL (VALUES"
        " (CASE WHEN attidentity <> '' THEN 'an identity, which counts by itself' END),"
        " (CASE WHEN attgenerated <> '' THEN 'an expression that computes it' END),"
        " (CASE WHEN attacl IS NOT NULL THEN 'a GRANT of its own' END),"
        " (CASE WHEN relkind <> 'r' OR relispartition OR EXISTS (SELECT FROM pg_inherits"
        " WHERE attrelid IN (inhrelid, inhparent)) THEN 'its partitions or heirs' END),"
        " (CASE WHEN EXISTS (SELECT FROM pg_type WHERE oid = atttypid AND typtype = 'd' AND"
        " (typnotnull OR typdefault IS NOT NULL OR EXISTS (SELECT FROM pg_constraint"
        " WHERE contypid = atttypid))) THEN 'its domain, which has rules' END),"
        " (CASE WHEN to_regprocedure(:function) IS NULL AND EXISTS (SELECT FROM pg_attribute"
        " AS other WHERE other.attrelid = it.attrelid AND other.attname = :twin)"
        " THEN 'a column of the other name, which is there already' END),"
        " (CASE WHEN row_security_active(attrelid)"
        " THEN 'row security, which hides rows from this role' END)) AS words (word)"
        " WHERE word IS NOT NULL"
        " UNION ALL SELECT 'trigger ' || tgname || ', whose function names it'"
        " FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal"
        " AND tgrelid = to_regclass(:table)"
        " AND tgfoid IS DISTINCT FROM to_regprocedure(:function)"
        " AND prosrc ~ ('\\\\m' || :column || '\\\\M')",
        table=table,
        column=column,
        twin=twin,
        function=function,
    )
    standard, steady = _standard(table, column)
    told = [str(each["told"]) for each in found]
    if standard and not steady and not _is_required(table, column):
        told.append("a default that differs each time, while it may be NULL")
    if _asked("SELECT to_regprocedure(:function) IS NULL", function=function):
        told += [
            f"{each['name']}, which is there until another column of it has its one name"
            for each in _hanging(table, column, twin)
            if re.search("_[0-9a-f]{12}_[0-9]+_next$", each["name"])
        ]
    if told:
        raise RuntimeError(
            f"{table}.{column} cannot be had under two names: {'; '.join(told)}."
            " Nothing was changed"
        )
'''

_BEGIN_TWIN = '''
def _begin_twin(table: str, column: str, twin: str, function: str, back: bool) -> None:
    """The twin and its trigger, at once; nothing where they are there."""
    standard, steady = _standard(table, column)
    new, old = (column, twin) if back else (twin, column)
    unnamed = standard if standard and steady else "NULL"
    standing, given = f"ALTER TABLE {table} ALTER COLUMN", ""
    if standard and (steady or back):
        given = f"{standing} {_quoted(twin)} SET DEFAULT {standard};"
    if standard and back and not steady:
        # It would give a new row two values: the older name has it, as long as there are both.
        given += f"{standing} {_quoted(column)} DROP DEFAULT;{_owned(table, column, twin)[0]}"
    there = _as_renamed(table, column, column) if back else []
    names = dict(zip(_doubles(table, new, there), there, strict=True))
    aside = "".join(
        f"ALTER INDEX {_beside(table, each['name'])} RENAME TO {_quoted(double)};"
        if each["kind"] == "i"
        else f"ALTER TABLE {table} RENAME CONSTRAINT {_quoted(each['name'])} TO {_quoted(double)};"
        for double, each in names.items()
    )
    told = _literal(json.dumps({"names": {one: each["name"] for one, each in names.items()}}))
    # Also what SQL takes for a name, and PL/pgSQL does not, such as "by".
    here = {each: '"' + name.replace('"', '""') + '"' for each, name in (("n", new), ("o", old))}
    _execute(
        f"""
        DO $do$
        DECLARE
            about pg_attribute;
            kind text;
        BEGIN
            IF to_regprocedure('{function}') IS NOT NULL THEN
                RETURN;
            END IF;
            SELECT * INTO STRICT about FROM pg_attribute
                WHERE attrelid = '{table}'::regclass AND attname = {_literal(column)};
            {aside}
            kind := format_type(about.atttypid, about.atttypmod);
            IF about.attcollation <> (SELECT typcollation FROM pg_type WHERE oid = about.atttypid)
            THEN
                kind := kind || ' COLLATE ' || about.attcollation::regcollation;
            END IF;
            EXECUTE {_literal(f"ALTER TABLE {table} ADD COLUMN {_quoted(twin)} ")} || kind;
            {given}
            kind := {_literal(f"ALTER TABLE {table} ALTER COLUMN {_quoted(twin)} ")};
            IF about.attstorage <> (SELECT typstorage FROM pg_type WHERE oid = about.atttypid) THEN
                EXECUTE kind || 'SET STORAGE ' || CASE about.attstorage
                    WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
                    WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END;
            END IF;
            IF about.attstattarget >= 0 THEN
                EXECUTE kind || 'SET STATISTICS ' || about.attstattarget;
            END IF;
            IF about.attcompression <> '' THEN
                EXECUTE kind || 'SET COMPRESSION '
                    || CASE about.attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END;
            END IF;
            IF about.attoptions IS NOT NULL THEN
                EXECUTE kind || 'SET (' || array_to_string(about.attoptions, ', ') || ')';
            END IF;
            kind := col_description(about.attrelid, about.attnum);
            IF kind IS NOT NULL THEN
                EXECUTE {_literal(f"COMMENT ON COLUMN {table}.{_quoted(twin)} IS ")}
                    || quote_literal(kind);
            END IF;
            CREATE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS $both$
            DECLARE
                unnamed {table}.{here["n"]}%TYPE := {unnamed};
            BEGIN
                IF ROW(NEW.{here["n"]})::record *= ROW(NEW.{here["o"]})::record THEN
                    RETURN NEW;
                ELSIF TG_OP = 'INSERT' AND ROW(NEW.{here["n"]})::record *= ROW(unnamed)::record
                THEN
                    NEW.{here["n"]} := NEW.{here["o"]};
                ELSIF TG_OP = 'INSERT' THEN
                    NEW.{here["o"]} := NEW.{here["n"]};
                ELSIF ROW(NEW.{here["n"]})::record *<> ROW(OLD.{here["n"]})::record THEN
                    NEW.{here["o"]} := NEW.{here["n"]};
                ELSIF ROW(NEW.{here["o"]})::record *<> ROW(OLD.{here["o"]})::record THEN
                    NEW.{here["n"]} := NEW.{here["o"]};
                ELSIF NEW.{here["n"]} IS NULL THEN -- this row was not filled yet
                    NEW.{here["n"]} := NEW.{here["o"]};
                ELSE
                    NEW.{here["o"]} := NEW.{here["n"]};
                END IF;
                RETURN NEW;
            END
            $both$;
            COMMENT ON FUNCTION {function} IS {told};
        END
        $do$
        """
    )
'''

_FILL = '''
def _fill_twin(table: str, column: str, twin: str) -> None:
    """What stands in the column, in batches that are each committed; triggers keep it so."""
    with _patiently():
        sql = f"""
FILL
        """
        {ALLOWED}
        op.execute(sa.text(sql.replace(":", "\\\\:")))
'''

_REQUIRE = '''
def _require_twin(table: str, twin: str) -> None:
    """NOT NULL, which believes a check that was validated before and so reads nothing."""
    digest = hashlib.sha256(f"{table} {twin}".encode()).hexdigest()[:12]
    check = f"filled_{digest}_next"
    if not _has_constraint(table, check):
        _execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {_quoted(check)}"
            f" CHECK ({_quoted(twin)} IS NOT NULL) NOT VALID"
        )
    _validate(table, _quoted(check))
    _execute(f"ALTER TABLE {table} ALTER COLUMN {_quoted(twin)} SET NOT NULL")
    _execute(f"ALTER TABLE {table} DROP CONSTRAINT {_quoted(check)}")
'''

_STANDARD = '''
def _standard(table: str, column: str) -> tuple[str | None, bool]:
    """A column's default, and whether it is the same throughout a transaction."""
    found = _rows(
        "SELECT pg_get_expr(adbin, adrelid) AS told FROM pg_attrdef JOIN pg_attribute"
        " ON attrelid = adrelid AND attnum = adnum"
        " WHERE adrelid = to_regclass(:table) AND attname = :column",
        table=table,
        column=column,
    )
    told = str(found[0]["told"]) if found else None
    bare = re.sub(r"'(?:[^']|'')*'", "", told or "")
    bare = re.sub(r'::[\\w ."]+(?:\\([\\d, ]+\\))?|^\\(-?[\\d.]+\\)|\\bnow\\(\\)', "", bare)
    return told, "(" not in bare
'''

_REQUIRED = '''
def _is_required(table: str, column: str) -> bool:
    """Whether a column is NOT NULL."""
    return _asked(
        "SELECT attnotnull FROM pg_attribute"
        " WHERE attrelid = to_regclass(:table) AND attname = :column",
        table=table,
        column=column,
    )
'''

_FILLED = BACKFILL.format(
    pages=PAGES_A_BATCH,
    table="{table}",
    change="{twin} = {column}",
    left="ROW({twin})::record *<> ROW({column})::record",
)

#: Stands where lint reads it, above what it finds.
ALLOWED = "# migrate: allow BM201 because only what ten rounds have left is changed at once"

_CONTEXTS = ("import contextlib", "from collections.abc import Iterator")

TWINS = {
    "_twin": Routine(
        _TWIN,
        _CONTEXTS,
        calls=(
            *("_lacks_column", "_refuse_unless_movable", "_or_undone", "_begin_twin"),
            *(
                "_trigger",
                "_fill_twin",
                "_is_required",
                "_require_twin",
                "_double",
                "_execute",
                "_quoted",
            ),
        ),
    ),
    "_refuse_unless_movable": Routine(
        _REFUSE, ("import re",), calls=("_asked", "_hanging", "_rows", "_standard", "_is_required")
    ),
    "_begin_twin": Routine(
        _BEGIN_TWIN,
        ("import json",),
        calls=(
            "_standard",
            "_hanging",
            "_owned",
            "_beside",
            "_quoted",
            "_execute",
            "_literal",
        ),
    ),
    "_fill_twin": Routine(
        _FILL.replace("FILL", indent(_FILLED, " " * 8)).replace("{ALLOWED}", ALLOWED),
        calls=("_patiently", "_execute"),
    ),
    "_require_twin": Routine(
        _REQUIRE, ("import hashlib",), calls=("_has_constraint", "_validate", "_execute", "_quoted")
    ),
    "_standard": Routine(_STANDARD, ("import re",), calls=("_rows",)),
    "_is_required": Routine(_REQUIRED, calls=("_asked",)),
}
