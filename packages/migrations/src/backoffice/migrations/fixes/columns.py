"""Columns: added without a rewrite, and made NOT NULL without a scan that keeps others out."""

import ast
import re

from backoffice.migrations.fixes import constraints, indexes
from backoffice.migrations.fixes.calls import Call, identifier
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
)

#: Functions that give each row a value of its own, so that PostgreSQL writes the table anew.
VOLATILE = re.compile(
    r"\b(gen_random_uuid|uuid_generate_v1(?:mc)?|uuid_generate_v4|uuidv[47]|clock_timestamp|random"
    r"|timeofday|nextval|txid_current|setseed|gen_salt|gen_random_bytes)\s*\(",
    re.IGNORECASE,
)
#: About 5,000 rows of usual width: what one batch locks, and how long.
PAGES_A_BATCH = 50

_KEYS = ("unique", "index")


def unsafe_column(call: Call) -> bool:
    """Whether `add_column` is seen to rewrite or scan the table, or to keep writers out."""
    column = _column(call)
    if column is None:
        return False
    given = _keywords(column)
    return (
        bool(_foreign_keys(column))
        or _volatile(call)
        or any(_is_true(given.get(each)) for each in _KEYS)
    )


def add_column(call: Call) -> Step | ByHand:
    """The column first, and then, one after the other, what its declaration brings along."""
    column, table = _column(call), call.table
    if column is None or table is None or not call.schema_known:
        return ByHand("the table or the column is not written out")
    name = _name(call, column)
    if name is None:
        return ByHand("the name of the column is not written out")
    given = _keywords(column)
    if problem := _beyond(call, column):
        return ByHand(problem)
    volatile = _volatile(call)
    lines = _bare(call, column, volatile)
    routines: list[str] = []
    if volatile:
        default = call.written(given["server_default"])
        lines += _altered(call, name, f"server_default={default}")
        lines += backfilled(call, f"{identifier(name)} = DEFAULT", f"{identifier(name)} IS NULL")
        routines.append("_patiently")
    for key in _foreign_keys(column):
        lines += _referring(call, key, name, table)
        routines += ["_has_constraint", "_validate"]
    if _is_true(given.get("unique")) and not _is_true(given.get("index")):
        wanted = chosen_name(table, [name], "key")
        step = indexes.unique(call, quoted(wanted), wanted, f"[{quoted(name)}]")
        lines += step.lines
        routines += step.routines
    if volatile and _is_false(given.get("nullable")):
        lines += not_null(call, name, _altered(call, name, "nullable=False"))
        routines += ["_has_constraint", "_validate"]
    return Step(tuple(lines), tuple(dict.fromkeys(routines)))


def set_not_null(call: Call) -> Step | ByHand:
    """NOT NULL, which believes a check that was validated before and so reads nothing."""
    column = call.string("column_name")
    if column is None or call.table is None or not call.schema_known:
        return ByHand("the table and the column are not written out")
    kept = keywords(
        call,
        *("table_name", "column_name", "schema"),
        *("nullable", "type_", "new_column_name", "postgresql_using"),
        *("server_default", "comment", "existing_server_default", "existing_comment"),
    )
    others = [each for each in ("server_default", "comment") if each in call]
    lines = _altered(call, column, *_changes(call, others)) if others else []
    lines += not_null(call, column, _altered(call, column, *kept, "nullable=False"))
    return Step(tuple(lines), ("_has_constraint", "_validate"))


def not_null(call: Call, column: str, altered: list[str]) -> list[str]:
    """Statements that make a column NOT NULL; `altered` says so in the end."""
    name = chosen_name(call.table or "", [column], "filled")
    check = f"ADD CONSTRAINT {identifier(name)} CHECK ({identifier(column)} IS NOT NULL) NOT VALID"
    return [
        f"if not _has_constraint({quoted(call.qualified)}, {quoted(name)}):",
        *indented(execute(call.op, f"ALTER TABLE {call.qualified} {check}")),
        f"_validate({quoted(call.qualified)}, {quoted(identifier(name))})",
        *altered,
        *execute(call.op, f"ALTER TABLE {call.qualified} DROP CONSTRAINT {identifier(name)}"),
    ]


def backfilled(call: Call, change: str, left: str, table: str | None = None) -> list[str]:
    """An UPDATE in batches, each committed, of the rows for which `left` is true.

    By place in the table and not by key: that needs no key, no index, and reads each page once.
    Rows that somebody has locked are left for the next round, so that nobody waits for a batch
    that waits for another. A row that a writer moves to an earlier page is found by the next
    round; after ten, what is left has come since or is not changed by changing it: once for all.
    """
    names = {"table": table or call.qualified, "change": change, "left": left}
    sql = BACKFILL.format(pages=PAGES_A_BATCH, **names)
    return ["with _patiently():", *indented([_ALLOWED, *execute_block(call.op, sql)])]


_ALLOWED = "# migrate: allow BM201 because only what ten rounds have left is changed at once"

BACKFILL = """\
DO $$
DECLARE
    from_page bigint;
    last_page bigint;
    done_rows bigint;
    full_rounds int := 0;
    vain_rounds int := 0;
BEGIN
    WHILE EXISTS (SELECT FROM {table} WHERE {left}) LOOP
        SELECT coalesce(max(pg_relation_size(relid)), pg_relation_size('{table}'))
            / current_setting('block_size')::int INTO last_page
            FROM pg_partition_tree('{table}');
        from_page := 0;
        vain_rounds := vain_rounds + 1;
        WHILE from_page <= last_page LOOP
            UPDATE {table} SET {change} WHERE {left} AND ctid = ANY (ARRAY(
                SELECT ctid FROM {table} WHERE {left}
                AND ctid >= ('(' || from_page || ',0)')::tid
                AND ctid < ('(' || from_page + {pages} || ',0)')::tid
                FOR UPDATE SKIP LOCKED
            ));
            GET DIAGNOSTICS done_rows = ROW_COUNT;
            COMMIT;
            IF done_rows > 0 THEN
                vain_rounds := 0;
            END IF;
            from_page := from_page + {pages};
        END LOOP;
        IF vain_rounds > 100 THEN
            RAISE EXCEPTION 'rows of {table} are left, which somebody has locked for long';
        ELSIF vain_rounds > 0 THEN
            PERFORM pg_sleep(0.3);
        ELSE
            full_rounds := full_rounds + 1;
        END IF;
        IF full_rounds = 10 THEN
            UPDATE {table} SET {change} WHERE {left};
            EXIT;
        END IF;
    END LOOP;
END
$$"""


def _bare(call: Call, column: ast.Call, volatile: bool) -> list[str]:
    without = {"unique"} if _is_true(_keywords(column).get("unique")) else set()
    if _is_true(_keywords(column).get("index")):
        without = set()
    if volatile:
        without |= {"server_default", "nullable"}
    kept = [call.written(each) for each in column.args if not _is_foreign_key(each)]
    kept += [
        f"{each.arg}={call.written(each.value)}"
        for each in column.keywords
        if each.arg not in without
    ]
    if volatile:
        kept.append("nullable=True")
    made = f"{call.written(column.func)}({', '.join(kept)})"
    options = keywords(
        call, "table_name", "column", "schema", "if_not_exists", "insert_after", "insert_before"
    )
    return rendered(
        f"{call.op}.add_column",
        [call.table_text, made, *_schema(call), *options, "if_not_exists=True"],
    )


def _referring(call: Call, key: ast.Call, name: str, table: str) -> list[str]:
    target = str(call.literal(key.args[0]))
    referent, _, remote = target.rpartition(".")
    schema, _, referent = referent.rpartition(".")
    given = {each.arg: call.written(each.value) for each in key.keywords if each.arg}
    written = given.pop("name", None)
    wanted = next(
        (str(call.literal(each.value)) for each in key.keywords if each.arg == "name"), None
    ) or chosen_name(table, [name], "fkey")
    options = [f"{option}={value}" for option, value in given.items()]
    if call.schema:
        options.insert(0, f"source_schema={quoted(call.schema)}")
    if schema:
        options.insert(0, f"referent_schema={quoted(schema)}")
    arguments = [call.table_text, quoted(referent), f"[{quoted(name)}]", f"[{quoted(remote)}]"]
    return constraints.added(call, written or quoted(wanted), wanted, arguments, options)


def _beyond(call: Call, column: ast.Call) -> str | None:
    """What the declaration holds that cannot be taken apart here."""
    given = _keywords(column)
    others = [ast.unparse(each.func) for each in column.args if isinstance(each, ast.Call)]
    if any(name.endswith(("Identity", "Computed")) for name in others):
        return (
            "a column that the database counts or computes itself is written into every row at "
            "once: add it empty, fill it in batches, and let the app read it afterwards"
        )
    if any(name.endswith("CheckConstraint") for name in others):
        return "a check within the column: add it by create_check_constraint after the column"
    if _is_true(given.get("index")):
        return "an index within the column: add it by create_index after the column"
    if _is_true(given.get("primary_key")):
        return "a primary key: build a unique index concurrently first, then make it the key"
    for key in _foreign_keys(column):
        if not isinstance(call.literal(key.args[0]) if key.args else None, str):
            return "the column that it refers to is not written out"
    return None


def _column(call: Call) -> ast.Call | None:
    node = call.arguments.get("column")
    return node if isinstance(node, ast.Call) else None


def _name(call: Call, column: ast.Call) -> str | None:
    node = column.args[0] if column.args else _keywords(column).get("name")
    value = call.literal(node) if node is not None else None
    return value if isinstance(value, str) else None


def _keywords(column: ast.Call) -> dict[str, ast.expr]:
    return {each.arg: each.value for each in column.keywords if each.arg is not None}


def _foreign_keys(column: ast.Call) -> list[ast.Call]:
    return [each for each in column.args if isinstance(each, ast.Call) and _is_foreign_key(each)]


def _is_foreign_key(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "ForeignKey"


def _volatile(call: Call) -> bool:
    column = _column(call)
    default = _keywords(column).get("server_default") if column is not None else None
    return default is not None and VOLATILE.search(ast.unparse(default)) is not None


def _altered(call: Call, column: str, *changes: str) -> list[str]:
    arguments = [call.table_text, quoted(column), *_schema(call), *changes]
    return rendered(f"{call.op}.alter_column", arguments)


def _changes(call: Call, names: list[str]) -> list[str]:
    also = ("existing_type", "existing_nullable", "existing_server_default", "existing_comment")
    return [f"{each}={call.text(each)}" for each in (*names, *also) if each in call]


def _schema(call: Call) -> list[str]:
    return [f"schema={quoted(call.schema)}"] if call.schema else []


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
