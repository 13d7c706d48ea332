"""A column's type, changed by a second column that takes the first one's place."""

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
    said text := (
        SELECT col_description(attrelid, attnum) FROM pg_attribute
        WHERE attrelid = {table_string}::regclass AND attname = {column_string}
    );
BEGIN
    DROP FUNCTION {function} CASCADE;
    ALTER TABLE {table} DROP COLUMN {column};
    ALTER TABLE {table} RENAME COLUMN {other} TO {column};
    IF standard IS NOT NULL THEN
        EXECUTE 'ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT ' || standard;
    END IF;
    IF said IS NOT NULL THEN
        EXECUTE 'COMMENT ON COLUMN {table}.{column} IS ' || quote_literal(said);
    END IF;
END
$$"""

_UNDONE = ("table", "other", "function")

_ALLOWED = "# migrate: allow BM401 because its values are in the column that takes its name"

# From a table of that one row, so that names mean in it what they mean in the backfill.
_FOLLOWING = """\
CREATE OR REPLACE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    NEW.{other} := (SELECT {value} FROM (SELECT NEW.*) AS {row});
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
    return Exchange(call, table, column, value).step(required=required is False)


class Exchange:
    """The steps from a column to one of another type in its place."""

    def __init__(self, call: Call, table: str, column: str, value: str) -> None:
        self.call = call
        self.column = column
        self.other = chosen_name(table, [column], "next")
        self.same = chosen_name(table, [column], "same")
        # Triggers go by their names: this one after those of the app, of which it sees the outcome.
        self.follow = chosen_name(f"zz_{table}", [column], "follow")
        self.value = value
        self.names = {
            "table": call.qualified,
            "row": identifier(table),
            "table_string": sql_string(call.qualified),
            "column": identifier(column),
            "column_string": sql_string(column),
            "other": identifier(self.other),
            "function": f"{identifier(self.follow, call.schema)}()",
        }

    def step(self, *, required: bool) -> Step:
        """All of it; nothing where it was done before."""
        told = ", ".join(quoted(each) for each in (self.call.qualified, self.column, self.other))
        done = [*self._followed(), *self._filled(), *self._checked()]
        if required:
            done += not_null(self.call, self.other, self._altered("{other} SET NOT NULL"))
        done += [_ALLOWED, *execute_block(self.call.op, _SWAP.format(**self.names))]
        lines = [
            *_added(self.call, self.other),
            f"if _have_one_type({told}):  # it was exchanged already",
            *indented(self._sql("ALTER TABLE {table} DROP COLUMN {other}")),
            "else:",
            *indented(self._refused()),
            f"    with _or_undone({', '.join(quoted(self.names[each]) for each in _UNDONE)}):",
            *indented(done, 2),
            *_rest(self.call),
        ]
        routines = (
            *("_has_constraint", "_validate", "_have_one_type"),
            *("_refuse_if_used", "_or_undone", "_patiently"),
        )
        return Step(tuple(lines), routines)

    def _refused(self) -> list[str]:
        names = (self.call.qualified, self.column, self.other, self.same)
        return rendered("_refuse_if_used", map(quoted, names))

    def _followed(self) -> list[str]:
        trigger = f"CREATE OR REPLACE TRIGGER {identifier(self.follow)} BEFORE INSERT OR UPDATE"
        return [
            *execute_block(self.call.op, _FOLLOWING.format(value=self.value, **self.names)),
            *self._sql(f"{trigger} ON {{table}} FOR EACH ROW EXECUTE FUNCTION {{function}}"),
        ]

    def _filled(self) -> list[str]:
        other = self.names["other"]
        left = f"{other} IS NULL AND ({self.value}) IS NOT NULL"
        return backfilled(self.call, f"{other} = {self.value}", left)

    def _checked(self) -> list[str]:
        """A validated CHECK that no value was lost; it goes with the old column."""
        table = quoted(self.call.qualified)
        same = identifier(self.same)
        check = f"CHECK (({self.names['other']} IS NULL) = (({self.value}) IS NULL)) NOT VALID"
        added = execute(
            self.call.op, f"ALTER TABLE {self.call.qualified} ADD CONSTRAINT {same} {check}"
        )
        return [
            f"if not _has_constraint({table}, {quoted(self.same)}):",
            *indented(added),
            f"_validate({table}, {quoted(same)})",
        ]

    def _altered(self, change: str) -> list[str]:
        return self._sql(f"ALTER TABLE {{table}} ALTER COLUMN {change}")

    def _sql(self, sql: str) -> list[str]:
        return execute(self.call.op, sql.format(**self.names))


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
