"""Which records a job is about: those of a list, by its search and filters, and surely no others.

A list leaves out of its address what it does not understand, and shows what it shows. A job must
not: what is left out makes it be about more records. So the whole query is understood when a job is
started, and means the same at each of its steps, or the job stops.
"""

import hashlib
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.filters import FilterGroup
from starlette_admin.types import ListParams

from backoffice.admin.facets import FIND, parameters
from backoffice.admin.records import RecordView
from backoffice.admin.soft_deletion import DELETED
from backoffice.admin.stretches import WITHIN

#: What of a list's address says nothing of which records are meant.
_IRRELEVANT = frozenset({"after", "before", "page", "page_size", "sort", "cols", "view", "format"})
_LONGEST = 8_000


def narrowed(query: str) -> str:
    """The part of a list's query that says which records are meant."""
    items = QueryParams(query).multi_items()
    kept = [
        (name, value)
        for name, value in items
        if name not in _IRRELEVANT and value and not name.startswith(FIND)
    ]
    found = urlencode(kept)
    if len(found) > _LONGEST:
        raise HTTPException(400, "The query is too long.")
    return found


def listed(request: Request, query: str) -> Request:
    """The request of the list that has this query."""
    return Request({**request.scope, "query_string": query.encode()})


def asked_by(view: RecordView, request: Request, query: str) -> ListParams:
    """What the query asks for; 400 where a part of it is not understood, or may not be asked."""
    there = listed(request, query)
    asked = view.asked(there)
    check_understood(view, there, asked)
    return asked


def check_understood(view: RecordView, request: Request, asked: ListParams) -> None:
    """400 where the address of a list narrows it by more than was understood of it."""
    params = QueryParams(narrowed(request.url.query))
    fields = _fields(asked.filters)
    for name, value in params.multi_items():
        if not _is_understood(view, request, name, fields):
            raise HTTPException(400, f"{name}={value} means no records here.")
    if len(params) != len(params.multi_items()):
        raise HTTPException(400, "The query says one thing twice.")


def _is_understood(view: RecordView, request: Request, name: str, fields: set[str]) -> bool:
    """Whether a part of the address has become a condition."""
    _, dot, field = name.partition(".")
    if dot:
        return field in fields and name in parameters(view)
    understood = {
        "q": True,
        "filter": bool(fields),
        WITHIN: view.options.date_hierarchy in fields,
        DELETED: view.shows_deleted(request),
    }
    return understood.get(name, False)


def meaning(asked: ListParams) -> str:
    """A digest of what is asked for, the same as long as it means the same."""
    return hashlib.sha256(repr((asked.q, asked.filters)).encode()).hexdigest()


def _fields(group: FilterGroup | None) -> set[str]:
    """The fields that conditions are about."""
    found: set[str] = set()
    for each in group.rules if group else ():
        found |= _fields(each) if isinstance(each, FilterGroup) else {each.field}
    return found
