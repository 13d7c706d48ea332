"""The functions by which a column loses the older of two names, once nobody uses it."""

from backoffice.migrations.fixes.routine import Routine

_CONTRACT = '''
def _contract(table: str, column: str, twin: str, function: str) -> None:
    """Take away the column of the older name; the doubles get the names of what goes with it."""
    if op.get_context().as_sql:
        _execute(
            f"""
            DO $do$
            BEGIN
                IF to_regprocedure('{function}') IS NOT NULL THEN
                    RAISE EXCEPTION '{table} has a column under both names: run this online';
                END IF;
            END
            $do$
            """
        )
        return
    if _asked("SELECT to_regprocedure(:function) IS NULL", function=function):
        if _lacks_column(table, column):
            return  # it was renamed at once
        raise RuntimeError(
            f"{table}.{column} is there, and {function} is not, which keeps {twin} the same: was it"
            " dropped, or is it in a schema that this role does not search? Nothing was changed"
        )
    _wait_for_the_release_before(table, column, twin, function)
    there = _as_renamed(table, column, twin)
    names = {
        double: str(each["name"])
        for double, each in zip(_doubles(table, twin, there), there, strict=True)
    }
    doubles = {
        str(each["name"]): each["kind"]
        for each in _hanging(table, twin, column)
        if each["name"] in names or re.search("_[0-9a-f]{12}_[0-9]+_next$", each["name"])
    }
    if since := sorted(name for double, name in names.items() if double not in doubles):
        raise RuntimeError(
            f"{', '.join(since)} on {table}.{column} came later, and would go with it: make the"
            f" like of it on {twin}, and drop it. Nothing was changed"
        )
    renamed = ""
    for double, kind in doubles.items():
        index = _beside(table, double)
        if kind == "i" and double in names:
            renamed += f"ALTER INDEX {index} RENAME TO {_quoted(names[double])};"
        elif kind == "i":  # what it is the double of is gone by now
            renamed += f"DROP INDEX {index};"
        elif double in names:
            renamed += f"ALTER TABLE {table} RENAME CONSTRAINT {_quoted(double)}"
            renamed += f" TO {_quoted(names[double])};"
        else:
            renamed += f"ALTER TABLE {table} DROP CONSTRAINT {_quoted(double)};"
    standard, steady = _standard(table, column)
    if standard and not steady:
        renamed += f"ALTER TABLE {table} ALTER COLUMN {_quoted(twin)} SET DEFAULT {standard};"
    owned, required = _owned(table, column, twin)
    sql = f"""
        DO $do$
        BEGIN
            DROP FUNCTION IF EXISTS {function} CASCADE;
            {owned}
            ALTER TABLE {table} DROP COLUMN IF EXISTS {_quoted(column)};
            {required}
            {renamed}
        END
        $do$
    """
    # migrate: allow BM401 because its values are in the column of the newer name
    op.execute(sa.text(sql.replace(":", "\\\\:")))
'''

_WAIT = '''
class Waiting(CommandError):
    """It is too early; run it again later. Nothing was changed."""


def _wait_for_the_release_before(table: str, column: str, twin: str, function: str) -> None:
    """Refuses while a process may run that knows the older name alone.

    On a table without rows, nobody has used it; `-x contract=now` says that nobody does any more.
    """
    if _asked("SELECT row_security_active(to_regclass(:table)::oid)", table=table):
        raise RuntimeError(
            f"row security hides rows of {table} from this role: run this as one that it does not"
            " hold for. Nothing was changed"
        )
    outside = op.get_context().environment_context
    said = ""
    if outside is not None:
        said = str(dict(outside.get_x_argument(as_dictionary=True)).get("contract"))
        said = str(outside.config.attributes.get("contract") or said)
    if said != "now":
        found = _rows(
            "SELECT now() - since < interval '1 hour' AS fresh, since IS NULL AS partial,"
            " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_catalog"
            " AND pid <> pg_backend_pid() AND (backend_type = 'client backend') IS NOT FALSE"
            " AND (backend_start < since) IS NOT FALSE) AS older,"
            " to_char(since, 'YYYY-MM-DD HH24:MI:SS TZ') AS told"
            " FROM (SELECT (obj_description(to_regprocedure(:function), 'pg_proc')::jsonb"
            f" ->> 'since')::timestamptz AS since) AS twin WHERE EXISTS (SELECT FROM {table})",
            function=function,
        )
        for each in found:
            why = ""
            if each["partial"]:
                why = f"the revision before has not come to its end: {twin} is not whole"
            elif each["older"]:
                why = (
                    f"{each['older']} connections are older than {twin}, of {each['told']}, or of"
                    " an age that this role may not see"
                )
            elif each["fresh"]:
                why = f"{twin} is there since {each['told']}, for less than an hour"
            if why:
                raise Waiting(
                    f"{table}.{column} stays beside {twin} as long as the release before may run:"
                    f" {why}. Run this again later, or, once no process names {column}, with"
                    " contract=now (alembic -x contract=now, backoffice migrate up --contract)"
                )
    differing = _asked(
        f"SELECT EXISTS (SELECT FROM {table}"
        f" WHERE ROW({_quoted(column)})::record *<> ROW({_quoted(twin)})::record)"
    )
    if differing:
        raise RuntimeError(
            f"rows of {table} differ in {column} and {twin}: was the trigger turned off? Make them"
            " equal first. Nothing was changed"
        )
'''

_OWNED = '''
def _owned(table: str, column: str, twin: str) -> tuple[str, str]:
    """What keeps a sequence that would go with the column, and the name of its NOT NULL."""
    sequences = _rows(
        "SELECT objid::regclass::text AS told FROM pg_depend JOIN pg_class ON pg_class.oid = objid"
        " JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid"
        " WHERE classid = 'pg_class'::regclass AND relkind = 'S' AND deptype = 'a'"
        " AND refobjid = to_regclass(:table) AND attname = :column",
        table=table,
        column=column,
    )
    required = _rows(
        "SELECT ours.conname AS ours, their.conname AS their FROM pg_constraint AS ours"
        " JOIN pg_constraint AS their ON their.conrelid = ours.conrelid"
        " JOIN pg_attribute AS a ON a.attrelid = ours.conrelid AND ours.conkey = ARRAY[a.attnum]"
        " JOIN pg_attribute AS b ON b.attrelid = ours.conrelid AND their.conkey = ARRAY[b.attnum]"
        " WHERE ours.conrelid = to_regclass(:table) AND ours.contype = 'n'"
        " AND their.contype = 'n' AND a.attname = :twin AND b.attname = :column",
        table=table,
        column=column,
        twin=twin,
    )
    return "".join(
        f"ALTER SEQUENCE {each['told']} OWNED BY {table}.{_quoted(twin)};" for each in sequences
    ), "".join(
        f"ALTER TABLE {table} RENAME CONSTRAINT {_quoted(each['ours'])}"
        f" TO {_quoted(each['their'])};"
        for each in required
    )
'''

_ALONE_AGAIN = '''
def _without_twin(table: str, twin: str, function: str) -> bool:
    """Take the twin away, where there is one."""
    if not _asked("SELECT to_regprocedure(:function) IS NOT NULL", function=function):
        return False
    _execute(f"DROP FUNCTION {function} CASCADE")
    _execute(f"ALTER TABLE {table} DROP COLUMN {_quoted(twin)}")
    return True
'''

CONTRACTION = {
    "_contract": Routine(
        _CONTRACT,
        ("import re",),
        calls=(
            *(
                "_asked",
                "_lacks_column",
                "_execute",
                "_wait_for_the_release_before",
                "_as_renamed",
                "_doubles",
                "_hanging",
            ),
            *("_beside", "_quoted", "_standard", "_owned"),
        ),
    ),
    "_wait_for_the_release_before": Routine(
        _WAIT, ("from alembic.util import CommandError",), calls=("_rows", "_asked", "_quoted")
    ),
    "_owned": Routine(_OWNED, calls=("_rows", "_quoted")),
    "_without_twin": Routine(_ALONE_AGAIN, calls=("_asked", "_execute", "_quoted")),
}
