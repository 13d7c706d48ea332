"""Changes of a type that PostgreSQL makes only when it is told how."""

from typing import Any

from alembic.autogenerate import render
from alembic.operations import ops
from sqlalchemy import Connection, text

#: How PostgreSQL casts: `a` and `i` by itself, `e` when told to; none where by way of text only.
_CAST = text(
    """
    SELECT castcontext FROM pg_cast
    WHERE castsource = to_regtype(:old) AND casttarget = to_regtype(:new)
    """
)


class Cast(ops.AlterColumnOp):
    """A change of type with the expression that turns the old value into the new one."""

    using = ""
    back = ""

    def reverse(self) -> "Cast":
        """The other direction."""
        undone: Any = super().reverse()
        undone.__class__ = Cast
        undone.using, undone.back = self.back, self.using
        return undone  # type: ignore[no-any-return]


@render.renderers.dispatch_for(Cast)
def _render(context: Any, op: Cast) -> str:
    rendered = render._alter_column(context, op).removesuffix(")")
    return f"{rendered},\n           postgresql_using={op.using!r})"


def cast(upgrade: ops.UpgradeOps, connection: Connection) -> None:
    """Say how values are turned, wherever PostgreSQL would ask."""
    if connection.dialect.name != "postgresql":
        return
    for table in [each for each in upgrade.ops if isinstance(each, ops.ModifyTableOps)]:
        table.ops[:] = [
            _said(each, connection)
            if isinstance(each, ops.AlterColumnOp) and each.modify_type is not None
            else each
            for each in table.ops
        ]


def _said(operation: ops.AlterColumnOp, connection: Connection) -> ops.AlterColumnOp:
    old, new = (_name(x, connection) for x in (operation.existing_type, operation.modify_type))
    if _family(old) == _family(new) or _known(old, new, connection) in ("a", "i"):
        return operation
    said: Any = operation
    said.__class__ = Cast
    column = connection.dialect.identifier_preparer.quote(str(operation.column_name))
    said.using = _expression(column, old, new, connection)
    said.back = _expression(column, new, old, connection)
    return said  # type: ignore[no-any-return]


def _expression(column: str, old: str, new: str, connection: Connection) -> str:
    direct = _known(old, new, connection) or "text" in (_family(old), _family(new))
    return f"{column}::{new}" if direct else f"{column}::text::{new}"


def _known(old: str, new: str, connection: Connection) -> Any:
    return connection.scalar(_CAST, {"old": old, "new": new})


def _family(type_: str) -> str:
    """The type without its length; all strings are one."""
    name = type_.partition("(")[0].strip().upper()
    return "text" if name in ("VARCHAR", "CHAR", "TEXT") else name


def _name(type_: Any, connection: Connection) -> str:
    return str(type_.compile(connection.dialect))
