"""Rows of inlines: what a form shows of each record, and what was sent of it."""

from dataclasses import dataclass, field
from typing import Any

from starlette_admin.fields import BaseField

from backoffice.admin.conflicts import Meeting
from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.inlines import Bound


@dataclass
class Row:
    """One record, or the place for a new one."""

    prefix: str
    #: Those that are written, under names of their own in the form.
    fields: list[BaseField]
    #: What stands in the form of the fields that are written, and what is shown of the others.
    values: dict[str, Any]
    record: Any = None
    key: str = ""
    label: str = ""
    version: str = ""
    may_delete: bool = False
    is_deleted: bool = False
    #: What was sent, beside what others have written.
    meeting: Meeting | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def written(self) -> dict[str, BaseField]:
        """Name to field."""
        return {each.name: each for each in self.fields}

    def tell(self, errors: dict[str | int, Any]) -> None:
        """Keep what is wrong; of a field that is not in the row, above it."""
        for name, message in errors.items():
            known = str(name) if name in self.written else WHOLE_FORM
            self.errors.setdefault(known, str(message))


@dataclass
class Block:
    """The records of one inline."""

    bound: Bound
    columns: list[BaseField]
    rows: list[Row] = field(default_factory=list)
    #: Whether there are more of them than are edited here.
    is_full: bool = False
    error: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether it cannot be saved as it is."""
        return bool(self.error) or any(row.errors for row in self.rows)
