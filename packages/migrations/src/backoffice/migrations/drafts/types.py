"""How the types of columns are written down, so that a revision runs by itself."""

import importlib
import sys
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy.types import TypeDecorator, TypeEngine

from backoffice.migrations.drafts.enum_types import enum_of

#: Types of these are written as what they are made of: a history does not depend on us.
_OURS = "backoffice."


class Types:
    """What `render_item` of Alembic is asked; the app's own is asked first."""

    def __init__(self, own: Any = None) -> None:
        self._own = own

    def __call__(self, kind: str, item: Any, context: AutogenContext) -> Any:
        """The Python of an item; False leaves it to Alembic."""
        rendered: Any = self._own(kind, item, context) if self._own is not None else False
        if rendered is not False or kind != "type":
            return rendered
        return self._type(item, context)

    def _type(self, type_: Any, context: AutogenContext) -> str | Literal[False]:
        if context.dialect.name == "postgresql" and isinstance(type_, sa.Enum):
            return self._enum(type_, context)
        module = type(type_).__module__
        if module.startswith("sqlalchemy.dialects.postgresql."):
            return _of_postgresql(type_, context)
        if module.startswith("sqlalchemy."):
            return False
        if _importable(type_) and not module.startswith(_OURS):
            context.imports.add(f"import {module}")
            return False  # written by its module's name, as Alembic does
        return _made_of(type_, context)

    def _enum(self, type_: sa.Enum, context: AutogenContext) -> str | Literal[False]:
        found = enum_of(type_, context.dialect)
        if found is None or not found.native_enum or type_._variant_mapping:
            return False
        # Made and dropped by statements of their own: a table would make the type once more.
        context.imports.add("from sqlalchemy.dialects import postgresql")
        values = ", ".join(map(repr, found.enums))
        schema = f", schema={found.schema!r}" if found.schema else ""
        return f"postgresql.ENUM({values}, name={str(found.name)!r}{schema}, create_type=False)"


def _of_postgresql(type_: Any, context: AutogenContext) -> str | Literal[False]:
    """A variant for PostgreSQL; on another database, Alembic leaves the module of its parts out."""
    if context.dialect.name == "postgresql":
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    impl = PostgresqlImpl.__new__(PostgresqlImpl)  # what it is asked needs no connection
    return impl.render_type(type_, context) or f"postgresql.{type_!r}"


def _made_of(type_: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    if not isinstance(type_, TypeDecorator):
        return False
    return render._repr_type(type_.load_dialect_impl(context.dialect), context)


def _importable(type_: Any) -> bool:
    """Whether what Alembic writes of it can be read back: its repr, in its module."""
    module = type(type_).__module__
    if module == "__main__" or "<locals>" in type(type_).__qualname__:
        return False
    try:
        names = vars(sys.modules.get(module) or importlib.import_module(module))
        read = eval(repr(type_), {**names})  # noqa: S307 -- the app's own types, already imported
    except Exception:  # noqa: BLE001 -- a repr may be anything
        return False
    return isinstance(read, type(type_))
