"""Soft deletion: a record that is deleted stays in its table, out of sight, and can come back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, DateTime, or_
from sqlmodel import SQLModel

from backoffice.admin.columns import bare_type, column_of
from backoffice.admin.filtering import fit
from backoffice.admin.model_admin import ModelAdmin
from backoffice.core import SetupError

#: Brings back what was deleted; deletes it for good.
RESTORE, PURGE = "restore", "purge"
#: The part of a list's address by which it shows what was deleted: `?deleted=only`.
DELETED = "deleted"
_NAMES = ("deleted_at", "is_deleted")


@dataclass(frozen=True, eq=False)
class SoftDeletion:
    """The column that says that a record is deleted: since when, or whether."""

    name: str
    column: Column[Any]
    #: The attribute, for conditions.
    attribute: Any

    @classmethod
    def of(cls, options: type[ModelAdmin]) -> "SoftDeletion | None":
        """As the ModelAdmin says, or its model has it; SetupError for a column that cannot."""
        if options.soft_delete == "":
            return None
        for name in _NAMES if options.soft_delete is None else (options.soft_delete,):
            column = column_of(options.model, name)
            if column is not None and _tells(column):
                return cls(name, column, getattr(options.model, name))
        if options.soft_delete is not None:
            raise SetupError(
                f"{options.__name__}.soft_delete takes a column of {options.model.__name__} that "
                f"is a date and time or None, or true or false; {options.soft_delete!r} is none"
            )
        return None

    def present(self) -> ColumnElement[bool]:
        """The condition of records that are not deleted."""
        if isinstance(bare_type(self.column.type), DateTime):
            found: ColumnElement[bool] = self.attribute.is_(None)
        elif self.column.nullable:
            found = or_(self.attribute.is_(False), self.attribute.is_(None))
        else:
            found = self.attribute.is_(False)
        return found

    def gone(self) -> ColumnElement[bool]:
        """The condition of those that are."""
        is_moment = isinstance(bare_type(self.column.type), DateTime)
        found: ColumnElement[bool] = (
            self.attribute.is_not(None) if is_moment else self.attribute.is_(True)
        )
        return found

    def is_deleted(self, record: SQLModel) -> bool:
        """Whether this record is."""
        return bool(getattr(record, self.name))

    def mark(self, record: SQLModel, now: datetime) -> None:
        """Delete it."""
        value: Any = True
        if isinstance(bare_type(self.column.type), DateTime):
            value = fit(self.column.type, now)
        setattr(record, self.name, value)

    def clear(self, record: SQLModel) -> None:
        """Bring it back."""
        is_moment = isinstance(bare_type(self.column.type), DateTime)
        setattr(record, self.name, None if is_moment else False)


def _tells(column: Column[Any]) -> bool:
    kind = bare_type(column.type)
    return isinstance(kind, Boolean) or (isinstance(kind, DateTime) and bool(column.nullable))
