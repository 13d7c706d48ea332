"""Cells of a list that become their fields: which of them, and what stands in a row afterwards."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette_admin.fields import BaseField, DecimalField, FloatField, IntegerField
from starlette_admin.types import RequestAction

from backoffice.admin.fields import Reference
from backoffice.admin.records import RecordView

_CELL = Markup('<td data-label="%s"%s>')
_NUMBER = Markup(' class="number"')
_SPECIAL = re.compile("[&<>\"']").search


@dataclass(frozen=True)
class Column:
    """The head of a column; `direction` is how the list is sorted by it now, if it is."""

    label: str
    sort_url: str | None = None
    direction: str | None = None
    numeric: bool = False
    #: The field that a cell of it becomes, if it may be changed in its place.
    edits: str = ""


class Cells:
    """Writes the cells of a row. A template takes three times as long for them, and a list of
    25 rows has hundreds."""

    def __init__(self, columns: Sequence[Column], detail: str, linked: int) -> None:
        self._before = [_CELL % (each.label, _NUMBER * each.numeric) for each in columns]
        self._detail = escape(detail)
        self._linked = linked

    def of(self, key: str, values: Iterable[str]) -> Markup:
        """The cells of the record with that key; one of them leads to it."""
        cells = [*map(_escaped, values)]
        if self._linked >= 0:
            url, name = f"{self._detail}{quote(key)}", cells[self._linked]
            cells[self._linked] = f'<a class="record" href="{url}">{name}</a>'
        parts = (f"{before}{cell}</td>" for before, cell in zip(self._before, cells, strict=True))
        return Markup("".join(parts))  # noqa: S704 - each part is escaped


class Rows:
    """Writes rows: by what a record is picked and edited, around its cells."""

    def __init__(self, cells: Cells, edit: str, pencil: Markup, *, picks: bool) -> None:
        self._cells = cells
        self._edit = escape(edit)
        self._pencil = pencil
        self._picks = picks

    def of(self, key: str, values: Iterable[str], *, edits: bool) -> Markup:
        """The row of the record with that key."""
        name, cells = _escaped(key), self._cells.of(key, values)
        pick = link = ""
        if self._picks:
            box = f'name="pks" value="{name}" aria-label="Choose {name}"'
            pick = f'<td class="pick"><input type="checkbox" {box}></td>'
        if edits:
            told = f'title="Edit" aria-label="Edit {name}"'
            link = f'<a href="{self._edit}{quote(key)}" {told}>{self._pencil}</a>'
        row = f'<tr>{pick}{cells}<td class="last">{link}</td></tr>\n'
        return Markup(row)  # noqa: S704 - each part is escaped


def _escaped(text: str) -> str:
    """What most cells hold needs no escaping, which takes longer than to see that."""
    return text if type(text) is str and not _SPECIAL(text) else escape(text)


def is_numeric(view: RecordView, field: BaseField) -> bool:
    """Whether a column holds numbers that are read one below the other."""
    numeric = isinstance(field, IntegerField | DecimalField | FloatField)
    return numeric and field.name not in view.keys.names


def linked(fields: Sequence[BaseField]) -> int:
    """The column that leads to the record: the first that leads nowhere else."""
    plain = (index for index, each in enumerate(fields) if not isinstance(each, Reference))
    return next(plain, -1)


def is_editable(view: RecordView, request: Request, field: BaseField) -> bool:
    """Whether cells of this column may become their field: as the form of the record has it."""
    return (
        view.is_written_plainly
        and not field.read_only
        and view.can_edit(request)
        and view.can_access_field(request, field, RequestAction.EDIT)
        and view.is_writable(request, field)
    )
