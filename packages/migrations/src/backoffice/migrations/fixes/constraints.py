"""Foreign keys and checks, added unchecked and then validated while others write."""

from backoffice.migrations.fixes.calls import Call, identifier
from backoffice.migrations.fixes.steps import (
    ByHand,
    Step,
    chosen_name,
    indented,
    keywords,
    quoted,
    rendered,
)

NOT_VALID = "postgresql_not_valid"
_OPS = "from alembic.operations import ops"


def create_foreign_key(call: Call) -> Step | ByHand:
    """A foreign key in two steps."""
    table, columns = call.table, call.strings("local_cols")
    if table is None or columns is None or not call.schema_known:
        return ByHand("its table and columns are not written out")
    arguments = [
        *(call.table_text, call.text("referent_table")),
        *(call.text("local_cols"), call.text("remote_cols")),
    ]
    return _two_steps(call, "ForeignKey", arguments, chosen_name(table, columns, "fkey"))


def create_check_constraint(call: Call) -> Step | ByHand:
    """A check in two steps."""
    if call.table is None or not call.schema_known:
        return ByHand("its table is not written out")
    arguments = [call.table_text, call.text("condition")]
    return _two_steps(call, "CheckConstraint", arguments, chosen_name(call.table, (), "check"))


def _two_steps(call: Call, kind: str, arguments: list[str], otherwise: str) -> Step | ByHand:
    name = call.string("constraint_name")
    given = call.arguments.get("constraint_name")
    if name is None and given is not None and call.literal(given) is None and not _none(call):
        return ByHand("its name is not written out, by which it would be validated")
    options = [*_schema(call), *_options(call)]
    if name is not None and (call.final or kind == "ForeignKey"):
        # A naming convention leaves these names as they are.
        return Step(
            tuple(added(call, call.text("constraint_name"), name, arguments, options)),
            ("_has_constraint", "_validate"),
        )
    written = call.text("constraint_name") if name is not None else "None"
    made = rendered(f"ops.Create{kind}Op", [written, *arguments, *options])
    lines = [
        *("name = _named(", *indented(made[:-1]), *indented([f"{made[-1]},"])),
        *(f"    {quoted(name or otherwise)},", ")"),
        f"if not _has_constraint({quoted(call.qualified)}, name):",
        *indented(_not_valid(call, f"{call.op}.f(name)", arguments, options)),
        f"_validate({quoted(call.qualified)}, f'\"{{name}}\"')",
    ]
    return Step(tuple(lines), ("_has_constraint", "_validate", "_named"), (_OPS,))


def added(
    call: Call, name_text: str, name: str, arguments: list[str], options: list[str]
) -> list[str]:
    """The statements that add a constraint of a known name and validate it."""
    return [
        f"if not _has_constraint({quoted(call.qualified)}, {quoted(name)}):",
        *indented(_not_valid(call, name_text, arguments, options)),
        f"_validate({quoted(call.qualified)}, {quoted(identifier(name))})",
    ]


def _not_valid(call: Call, name: str, arguments: list[str], options: list[str]) -> list[str]:
    verb = "create_foreign_key" if call.verb == "add_column" else call.verb
    return rendered(f"{call.op}.{verb}", [name, *arguments, *options, f"{NOT_VALID}=True"])


def _options(call: Call) -> list[str]:
    return keywords(
        call,
        *("constraint_name", "source_table", "referent_table", "local_cols", "remote_cols"),
        *("table_name", "condition", "schema", "source_schema", NOT_VALID),
    )


def _schema(call: Call) -> list[str]:
    if not call.schema:
        return []
    name = "source_schema" if call.verb == "create_foreign_key" else "schema"
    return [f"{name}={quoted(call.schema)}"]


def _none(call: Call) -> bool:
    node = call.arguments.get("constraint_name")
    return node is None or getattr(node, "value", ...) is None
