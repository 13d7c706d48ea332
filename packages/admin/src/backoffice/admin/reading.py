"""Reading: who may see and do what, and what a list, a page or a look-up finds."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.sql import Select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette_admin.fields import BaseField
from starlette_admin.filters import FilterGroup, FilterRegistry
from starlette_admin.types import ListParams, RequestAction

from backoffice.admin.column_values import computed_values
from backoffice.admin.computed import ColumnField
from backoffice.admin.facets import with_facets
from backoffice.admin.fields import Reference, References
from backoffice.admin.filtering import fitted
from backoffice.admin.holding import held
from backoffice.admin.labels import record_label
from backoffice.admin.list_filters import ListFilters
from backoffice.admin.paging import Order
from backoffice.admin.relations import MOST_RELATED, load_relations, unloaded
from backoffice.admin.rules import RuledView
from backoffice.admin.searches import searching
from backoffice.admin.sight import sees_related
from backoffice.admin.visits import visit_of

#: One for all: what it finds out about itself takes longer than a page has.
_FILTERS = ListFilters()
_MOST_SORTS = 4


class ReadableView(RuledView):
    """A page behind `{resource}:view`, and the verbs of what else may be done on it."""

    def is_accessible(self, request: Request) -> bool:
        """Whether they may see anything of it."""
        return self.may(request, "view")

    def can_view_detail(self, request: Request) -> bool:
        """Whether they may open a record."""
        return self.may(request, "view")

    def can_create(self, request: Request) -> bool:
        """Whether they may add a record."""
        return self.may(request, "add")

    def can_edit(self, request: Request) -> bool:
        """Whether they may change records."""
        return self.may(request, "change")

    def can_delete(self, request: Request) -> bool:
        """Whether they may delete records."""
        return self.may(request, "delete")

    def can_export(self, request: Request) -> bool:
        """Whether they may take records away in a file."""
        return self.may(request, "export")

    def can_import(self, request: Request) -> bool:
        """Whether they may write records from a file: what is added or changed, as any other."""
        writes = self.can_create(request) or self.can_edit(request)
        return self.is_written_plainly and writes and self.may(request, "import")

    async def is_action_allowed(self, request: Request, name: str) -> bool:
        """Whether they may do this to records at all."""
        return self.may(request, self.verb_of(name))

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """Whether they may do this to this record; asked on every way to it."""
        allowed = (
            self.can_edit(request)
            if name == "edit"
            else await self.is_action_allowed(request, name)
        )
        return allowed and await self.permits(request, self.verb_of(name), obj)

    def verb_of(self, name: str) -> str:
        """The permission that an action on a record needs."""
        own = self.own_action(name)
        return self.action_verbs.get(name, "change") if own is None else own.verb

    async def editable(self, request: Request, records: Sequence[Any]) -> set[str]:
        """The keys of those records that they may change."""
        await self.judged(request, "change", records)
        return {
            self.keys.of(each)
            for each in records
            if await self.is_row_action_allowed_for_obj(request, "edit", each)
        }

    def can_access_field(
        self, request: Request, field: BaseField, action: RequestAction | None = None
    ) -> bool:
        """A reference can be set only by those who may see what it refers to."""
        wanted = action or request.state.action
        if not self.is_readable(request, field):
            return False
        if wanted == RequestAction.CREATE and (
            field.read_only or not self.is_writable(request, field)
        ):
            return False
        if (
            wanted.is_form()
            and isinstance(field, Reference | References)
            and not visit_of(request).may(field.resource, "view")
        ):
            return False
        return super().can_access_field(request, field, action)

    def get_fields_list(
        self,
        request: Request,
        *,
        include_nested: bool = False,
        action: RequestAction | None = None,
    ) -> Sequence[BaseField]:
        """The fields that an action may use, found out once in a request."""
        wanted = action or request.state.action
        find = partial(super().get_fields_list, request, include_nested=include_nested)
        asked = (self.resource, "fields", wanted, include_nested)
        return list(visit_of(request).once(asked, partial(find, action=wanted)))

    async def extras(
        self, request: Request, fields: Sequence[BaseField], records: Sequence[Any]
    ) -> dict[str, dict[str, Any]]:
        """Field to record's key to value, for fields that are no attribute of the record."""
        return await computed_values(self, request, fields, records)

    def label(self, record: Any) -> str:
        """What a record is called."""
        return record_label(record, self.keys.of(record))

    def named(self, request: Request, record: Any) -> str:
        """What a record is called to somebody: by nothing that they may not read."""
        hidden = self.hidden(request)
        if hidden or not sees_related(self, request):
            return record_label(record, self.keys.of(record), hidden, veiled=True)
        return self.label(record)

    async def repr(self, obj: Any, request: Request) -> str:
        """`named`, for starlette-admin."""
        return self.named(request, obj)

    def get_list_query(self, request: Request) -> Select[Any]:
        """The records that may be seen; of an export, taken away."""
        return self.within(request, self._all_records(), *_looking(request))

    def get_count_query(self, request: Request) -> Select[Any]:
        """The number of them."""
        return self.within(request, super().get_count_query(request), *_looking(request))

    def get_detail_query(self, request: Request) -> Select[Any]:
        """Single ones that may be seen, also where others of them are taken away."""
        return self.within(request, self._all_records(), "view")

    def get_filter_registry(self) -> FilterRegistry:
        """The filters of each kind of field."""
        return _FILTERS

    def get_search_query(self, request: Request, term: str) -> Any:
        """The clause that finds the term."""
        return searching(self, request, term)

    def asked(self, request: Request, query: QueryParams | None = None) -> ListParams:
        """What the address of a list asks for; 400 for what no list can show."""
        params = self._parse_list_params(request, query)
        size = params.page_size
        if "page_size" not in (query or request.query_params):
            size = self.options.list_per_page or visit_of(request).settings.page_size
        filters = with_facets(self, request, query or request.query_params, params.filters)
        filters = fitted(filters, self.model)
        # What is asked for was checked; what the page's own order names was not.
        shown = {
            each.name for each in self.fields if each.orderable and self.is_readable(request, each)
        }
        named = [(self.sorted_by(name), direction) for name, direction in params.sorts]
        sorts = [each for each in named[:_MOST_SORTS] if each[0] in shown]
        return replace(params, page_size=size, filters=filters, sorts=sorts)

    def sorted_by(self, name: str) -> str:
        """The column that the list is sorted by for a field: for a computed one, what it says."""
        found = next((each for each in self.fields if each.name == name), None)
        column = found.column if isinstance(found, ColumnField) else None
        return column.ordering or name if column is not None else name

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Any]:
        """A page of records in an order that never leaves two of them undecided."""
        ordered = await self.ordered_query(request, q, sorts, filters)
        page = ordered.offset(skip or None).limit(limit if limit > 0 else None)
        return await self._all(request, page)

    async def ordered_query(
        self,
        request: Request,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Select[Any]:
        """All records that match, in a total order: for exports, which read them by one cursor."""
        found = await self.matching(request, q, filters)
        return found.order_by(*self.order(request, sorts or ()).clauses())

    async def matching(
        self, request: Request, q: str | None = None, filters: FilterGroup | None = None
    ) -> Select[Any]:
        """All records that match and may be seen, in no order."""
        return await self._apply_search_and_filters(
            request, self.get_list_query(request), q, filters
        )

    def order(self, request: Request, sorts: Sequence[tuple[str, str]]) -> Order:
        """The total order that sorts by these columns first."""
        dialect = visit_of(request).services.database.dialect
        listed = partial(self.get_list_query, request)
        return Order(self.model, sorts, self.keys.names, dialect, listed)

    async def count(
        self, request: Request, q: str | None = None, filters: FilterGroup | None = None
    ) -> int:
        """How many records there are, or match."""
        query = await self._apply_search_and_filters(
            request, self.get_count_query(request), q, filters
        )
        return int((await self.executed(request, query)).scalar_one())

    async def find_by_pk(self, request: Request, pk: Any) -> Any:
        """The record with that key; None for a text that is no key."""
        query = self.get_detail_query(request).where(self.keys.clause(str(pk)))
        known, asked = held(self.session(request).sync_session), (self.model, str(pk))
        is_first = asked in known and known[asked] is None
        if is_first:
            # What was read before it was held may be old by now.
            query = query.execution_options(populate_existing=True)
        found = (await self.executed(request, query)).scalars().unique().one_or_none()
        if is_first:
            known[asked] = found
        if found is not None:
            names = [each.name for each in self._relations(request)]
            await load_relations(self.session(request), [found], names, MOST_RELATED)
        return found

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """The records with these keys; a text that is no key finds none."""
        among = self.keys.among([str(each) for each in pks])
        if among is None:
            return []
        return await self._all(request, self.get_detail_query(request).where(among))

    def session(self, request: Request) -> AsyncSession:
        """The session of this request's transaction."""
        session: AsyncSession = request.state.session
        return session

    async def executed(self, request: Request, query: Any) -> Any:
        """The rows of a query. SQLModel's `exec` knows its own kind of query alone, by type."""
        return await self.session(request).exec(query)

    async def _all(self, request: Request, query: Select[Any]) -> list[Any]:
        return list((await self.executed(request, query)).scalars().unique().all())

    def _all_records(self) -> Select[Any]:
        return select(self.model).options(*unloaded(self.model))

    def _relations(self, request: Request) -> list[References]:
        return [each for each in self.get_fields_list(request) if isinstance(each, References)]


def _looking(request: Request) -> tuple[str, ...]:
    exporting = request.state.action == RequestAction.EXPORT
    return ("view", "export") if exporting else ("view",)
