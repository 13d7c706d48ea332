"""Indexes and unique constraints, built while others write."""

from backoffice.migrations.fixes.calls import Call, identifier
from backoffice.migrations.fixes.steps import (
    ByHand,
    Step,
    chosen_name,
    execute,
    indented,
    keywords,
    quoted,
    rendered,
)

#: What only a constraint has, and what its index has as well.
_OF_CONSTRAINT = ("deferrable", "initially")
_OF_INDEX = ("schema", "postgresql_include", "postgresql_nulls_not_distinct", "postgresql_with")


def create_index(call: Call) -> Step | ByHand:
    """`CREATE INDEX` that keeps writers out, as one that does not."""
    name = call.string("index_name")
    if name is None or call.table is None or not call.schema_known:
        return ByHand("its name and table are not written out, so its leftover cannot be found")
    arguments = [call.text("index_name"), call.table_text, call.text("columns")]
    options = keywords(
        call,
        *("index_name", "table_name", "columns", "schema"),
        *("if_not_exists", "postgresql_concurrently"),
    )
    lines = _built(call, _literal_name(call, name), [*arguments, *_schema(call), *options])
    return Step(tuple(lines), ("_concurrently",))


def drop_index(call: Call) -> Step | ByHand:
    """`DROP INDEX` that waits for everybody, as one that does not keep others out meanwhile."""
    if call.table is None and call.opened is not None:
        return ByHand("the table is not written out")
    arguments = [call.text("index_name")]
    if call.opened is not None or "table_name" in call:
        arguments.append(f"table_name={call.table_text}")
    options = keywords(
        call, "index_name", "table_name", "schema", "if_exists", "postgresql_concurrently"
    )
    arguments += [*_schema(call), *options, "if_exists=True", "postgresql_concurrently=True"]
    lines = ["with _patiently():", *indented(rendered(f"{call.op}.drop_index", arguments))]
    return Step(tuple(lines), ("_patiently",))


OPS = "from alembic.operations import ops"


def create_unique_constraint(call: Call) -> Step | ByHand:
    """A constraint that takes over an index which was built while others wrote."""
    columns, table = call.strings("columns"), call.table
    if columns is None or table is None or not call.schema_known:
        return ByHand("its table and columns are not written out")
    if not _known_options(call):
        return ByHand("it has options that an index takes in another way")
    name = call.string("constraint_name")
    if name is None:
        return _unnamed(call, table, columns)
    return unique(call, call.text("constraint_name"), name, call.text("columns"))


def unique(call: Call, name_text: str, name: str, columns_text: str) -> Step:
    """The steps towards a unique constraint of this name."""
    options = [] if call.verb == "add_column" else _index_options(call)
    arguments = [name_text, call.table_text, columns_text, *_schema(call), "unique=True", *options]
    lines = [
        f"if not _has_constraint({quoted(call.qualified)}, {quoted(name)}):",
        *indented(_built(call, _literal_name(call, name), arguments)),
        *indented(execute(call.op, _using_index(call, name))),
    ]
    return Step(tuple(lines), ("_has_constraint", "_concurrently"))


def _unnamed(call: Call, table: str, columns: list[str]) -> Step:
    arguments = [call.table_text, call.text("columns"), *_schema(call)]
    made = rendered("ops.CreateUniqueConstraintOp", ["None", *arguments])
    index = [f"{call.op}.f(name)", *arguments, "unique=True", *_index_options(call)]
    added = f"ALTER TABLE {call.qualified} ADD CONSTRAINT "
    lines = [
        *("name = _named(", *indented(made[:-1]), *indented([f"{made[-1]},"])),
        *(f"    {quoted(chosen_name(table, columns, 'key'))},", ")"),
        f"if not _has_constraint({quoted(call.qualified)}, name):",
        *indented(_built(call, _quoted_name(call), index)),
        f"    {call.op}.execute(",
        f"        {quoted(added)}",
        f'        f\'"{{name}}" UNIQUE USING INDEX "{{name}}"{_deferred(call)}\'',
        "    )",
    ]
    return Step(tuple(lines), ("_has_constraint", "_concurrently", "_named"), (OPS,))


def _using_index(call: Call, name: str) -> str:
    added = f"ADD CONSTRAINT {identifier(name)} UNIQUE USING INDEX {identifier(name)}"
    return f"ALTER TABLE {call.qualified} {added}{_deferred(call)}"


def _deferred(call: Call) -> str:
    deferred = " DEFERRABLE" if call.value("deferrable") is True else ""
    initially = call.string("initially")
    return f"{deferred} INITIALLY {initially}" if initially else deferred


def _index_options(call: Call) -> list[str]:
    return keywords(call, *("constraint_name", "table_name", "columns", "schema"), *_OF_CONSTRAINT)


def _literal_name(call: Call, name: str) -> str:
    return quoted(identifier(name, call.schema))


def _quoted_name(call: Call) -> str:
    schema = f"{identifier(call.schema)}." if call.schema else ""
    return f"f'{schema}\"{{name}}\"'"


def _built(call: Call, name: str, arguments: list[str]) -> list[str]:
    kept = [*arguments, "if_not_exists=True", "postgresql_concurrently=True"]
    return [
        f"with _concurrently({name}):",
        *indented(rendered(f"{call.op}.create_index", kept)),
    ]


def _schema(call: Call) -> list[str]:
    return [f"schema={quoted(call.schema)}"] if call.schema else []


def _known_options(call: Call) -> bool:
    known = {"constraint_name", "table_name", "columns", *_OF_CONSTRAINT, *_OF_INDEX}
    return call.arguments.keys() <= known
