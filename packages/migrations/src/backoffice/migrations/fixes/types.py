"""A column's type, changed by a second column that takes the first one's place."""

import re

from backoffice.migrations.fixes.calls import Call, identifier
from backoffice.migrations.fixes.columns import backfilled, not_null
from backoffice.migrations.fixes.steps import (
    ByHand,
    Step,
    chosen_name,
    execute,
    execute_block,
    indented,
    keywords,
    quoted,
    rendered,
    sql_string,
)

_SWAP = """\
DO $$
DECLARE
    standard text := (
        SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute
        ON attrelid = adrelid AND attnum = adnum
        WHERE adrelid = {table_string}::regclass AND attname = {column_string}
    );
BEGIN
    DROP FUNCTION {function} CASCADE;
    ALTER TABLE {table} DROP COLUMN {column};
    ALTER TABLE {table} RENAME COLUMN {other} TO {column};
    IF standard IS NOT NULL THEN
        EXECUTE 'ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT ' || standard;
    END IF;
END
$$"""

_ALLOWED = "# migrate: allow BM401 because its values are in the column that takes its name"

_FOLLOWING = """\
CREATE OR REPLACE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.{other} := {value};
    RETURN NEW;
END
$$"""


def change_type(call: Call) -> Step | ByHand:
    """The new type in a column beside, which follows the old one until it takes its name.

    Whatever hangs on the old column but its default, an index or a key or a view, would be lost
    with it: the revision refuses to begin then.
    """
    column, table = call.string("column_name"), call.table
    if column is None or table is None or not call.schema_known:
        return ByHand("the table and the column are not written out")
    if "new_column_name" in call:
        return ByHand("it renames the column as well: do that in a revision of its own")
    required = call.value("nullable" if "nullable" in call else "existing_nullable")
    if required is None:
        return ByHand("say by existing_nullable whether the column may be NULL")
    value = _value(call, column)
    if value is None:
        return ByHand("its postgresql_using is not written out")
    return _swapped(call, table, column, value, required=required is False)


def _swapped(call: Call, table: str, column: str, value: str, *, required: bool) -> Step:
    other = chosen_name(table, [column], "next")
    function = identifier(chosen_name(table, [column], "follow"), call.schema)
    names = {
        "table": call.qualified,
        "table_string": sql_string(call.qualified),
        "column": identifier(column),
        "column_string": sql_string(column),
        "other": identifier(other),
        "function": f"{function}()",
    }
    follow = identifier(chosen_name(table, [column], "follow"))
    same = identifier(chosen_name(table, [column], "same"))
    filled = f"({names['other']} IS NULL) = (({value}) IS NULL)"
    steps = [
        *rendered(
            "_refuse_if_used",
            [quoted(call.qualified), quoted(column), quoted(other), quoted(same)],
        ),
        *execute_block(call.op, _FOLLOWING.format(value=_of_new(value, column), **names)),
        *execute(
            call.op,
            f"CREATE OR REPLACE TRIGGER {follow} BEFORE INSERT OR UPDATE ON {call.qualified} "
            f"FOR EACH ROW EXECUTE FUNCTION {names['function']}",
        ),
        *backfilled(
            call,
            f"{names['other']} = {value}",
            f"{names['other']} IS NULL AND ({value}) IS NOT NULL",
        ),
        f"if not _has_constraint({quoted(call.qualified)}, {quoted(same)}):",
        *indented(
            execute(
                call.op,
                f"ALTER TABLE {call.qualified} ADD CONSTRAINT {same} CHECK ({filled}) NOT VALID",
            )
        ),
        f"_validate({quoted(call.qualified)}, {quoted(same)})",
    ]
    if required:
        altered = execute(
            call.op, f"ALTER TABLE {call.qualified} ALTER COLUMN {names['other']} SET NOT NULL"
        )
        steps += not_null(call, other, altered)
    steps += [_ALLOWED, *execute_block(call.op, _SWAP.format(**names))]
    both = f"{quoted(call.qualified)}, {quoted(column)}, {quoted(other)}"
    lines = [
        *_added(call, other),
        f"if _have_one_type({both}):  # it was exchanged already",
        *indented(execute(call.op, f"ALTER TABLE {call.qualified} DROP COLUMN {names['other']}")),
        "else:",
        *indented(steps),
        *_rest(call),
    ]
    routines = ("_has_constraint", "_validate", "_have_one_type", "_refuse_if_used")
    return Step(tuple(lines), routines)


def _added(call: Call, other: str) -> list[str]:
    schema = [f"schema={quoted(call.schema)}"] if call.schema else []
    module = call.source.sqlalchemy or "sa"
    column = f"{module}.Column({quoted(other)}, {call.text('type_')}, nullable=True)"
    return rendered(
        f"{call.op}.add_column", [call.table_text, column, *schema, "if_not_exists=True"]
    )


def _rest(call: Call) -> list[str]:
    """What the call changes beside the type."""
    if not {"server_default", "comment"} & call.arguments.keys():
        return []
    kept = keywords(
        call,
        *("table_name", "column_name", "type_", "existing_type", "nullable", "postgresql_using"),
        *("existing_server_default", "schema"),
    )
    schema = [f"schema={quoted(call.schema)}"] if call.schema else []
    arguments = [call.table_text, call.text("column_name"), *schema, *kept]
    return rendered(f"{call.op}.alter_column", arguments)


def _value(call: Call, column: str) -> str | None:
    if "postgresql_using" not in call:
        return identifier(column)
    return call.string("postgresql_using")


def _of_new(value: str, column: str) -> str:
    """The expression as a trigger says it: of the row that is being written."""
    name = re.escape(identifier(column))
    return re.sub(rf"(?<![\w.\"']){name}(?![\w\"'(])", f"NEW.{identifier(column)}", value)
