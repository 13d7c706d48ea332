"""Rules: which records and which fields of them the person at the browser may see and change.

A permission opens a page; the app's policies say for which of its records, its field rules for
which fields. What may not be seen is nowhere: in no list, count, search, order, choice or file.
"""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

from sqlalchemy import inspect as inspected
from sqlalchemy import select
from sqlalchemy.sql import Select
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.columns import Resources
from backoffice.admin.computed import ColumnField
from backoffice.admin.configured import ConfiguredView
from backoffice.admin.derived import Sources, sources_of
from backoffice.admin.fields import is_sent
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.sight import telling
from backoffice.admin.visits import visit_of
from backoffice.auth import refusals
from backoffice.core import Forbidden

_JUDGED = "backoffice_judged"


class RuledView(ConfiguredView):
    """A page that keeps to the app's policies and field rules."""

    def __init__(self, options: type[ModelAdmin], resources: Resources) -> None:
        super().__init__(options, resources)
        #: Class to what its derived values are made of.
        self._sources: dict[type[Any], Sources] = {}

    def may(self, request: Request, verb: str) -> bool:
        """Whether the person at the browser has this permission here."""
        return visit_of(request).may(self.resource, verb)

    #: The verbs and actions that are dangerous on every page of this kind.
    dangerous: ClassVar[frozenset[str]] = frozenset()

    def is_dangerous(self, name: str) -> bool:
        """Whether a verb or an action wants a password that was given lately."""
        own = self.own_action(name)
        said = own is not None and own.dangerous
        return said or name in self.dangerous or name in self.options.dangerous

    def check_fresh(self, request: Request, name: str) -> None:
        """Have the password asked for, if this is dangerous and it was not given lately."""
        if self.is_dangerous(name):
            visit_of(request).check_fresh()

    def has_policy(self, request: Request, verb: str) -> bool:
        """Whether the records on which they may do this are some of all."""
        visit = visit_of(request)
        find = partial(visit.services.policies.find, self._ruled(request), verb)
        return visit.once((self.resource, "policy", verb), find) is not None

    def within(self, request: Request, query: Select[Any], *verbs: str) -> Select[Any]:
        """The same query, of those records on which they may do all of this."""
        visit = visit_of(request)
        for verb in verbs:
            if self.has_policy(request, verb):
                model = self._ruled(request)
                clause = visit.services.policies.clause(visit.principal, model, verb)
                query = query.where(clause)
        return query

    async def judged(self, request: Request, verb: str, records: Sequence[Any]) -> list[bool]:
        """Of each record, as it is now, whether a policy lets them do this to it."""
        if not self.has_policy(request, verb):
            return [True] * len(records)
        visit = visit_of(request)
        found = await visit.services.policies.among(
            visit.principal,
            verb,
            await self._judgeable(request, verb, records),
            request.state.session,
        )
        known: dict[tuple[str, str, str], bool] = getattr(request.state, _JUDGED, {})
        for record, answer in zip(records, found, strict=True):
            known[self.resource, verb, self.keys.of(record)] = answer
        setattr(request.state, _JUDGED, known)
        return found

    async def permits(self, request: Request, verb: str, record: Any) -> bool:
        """Whether a policy lets them do this to a record, as it was when it was judged first."""
        if not self.has_policy(request, verb):
            return True
        known: dict[tuple[str, str, str], bool] = getattr(request.state, _JUDGED, {})
        answer = known.get((self.resource, verb, self.keys.of(record)))
        return (await self.judged(request, verb, [record]))[0] if answer is None else answer

    def hidden(self, request: Request) -> frozenset[str]:
        """The names of fields that they may not read, or that tell of what they may not read."""
        return visit_of(request).once((self.resource, "hidden"), partial(self._hidden, request))

    def _hidden(self, request: Request) -> frozenset[str]:
        model, names = self._ruled(request), self.unreadable(request)
        if model not in self._sources:
            self._sources[model] = sources_of(model)
        return self._named_here(request, names | telling(self, request, self._sources[model]))

    def unreadable(self, request: Request) -> frozenset[str]:
        """The fields of its class that a rule hides from them, by their names there."""
        visit = visit_of(request)
        return visit.services.fields.unreadable(self._ruled(request), visit.principal)

    def is_readable(self, request: Request, field: BaseField) -> bool:
        """Whether they may read the field."""
        if isinstance(field, ColumnField) and field.column and field.column.permission:
            principal = visit_of(request).known
            if principal is None or not principal.can(field.column.permission):
                return False
        hidden = self.hidden(request)
        return not hidden or _names(field).isdisjoint(hidden)

    def is_writable(self, request: Request, field: BaseField) -> bool:
        """Whether they may write the field: a form shows what it writes."""
        refused = visit_of(request).once(
            (self.resource, "unwritable"), partial(self._unwritable, request)
        )
        return not refused or _names(field).isdisjoint(refused)

    def _unwritable(self, request: Request) -> frozenset[str]:
        visit = visit_of(request)
        fields, model = visit.services.fields, self._ruled(request)
        refused = self._named_here(request, fields.unwritable(model, visit.principal))
        return refused | self.hidden(request)

    def _ruled(self, request: Request) -> type[Any]:
        """The class that rules are about: of adopted users, the app's own."""
        records = visit_of(request).services.records
        return records.model if self.model is records.user else self.model

    async def _judgeable(
        self, request: Request, verb: str, records: Sequence[Any]
    ) -> Sequence[Any]:
        """The same records, as objects of that class."""
        model = self._ruled(request)
        if model is self.model or not self.has_policy(request, verb):
            return records
        keys = [inspected(each).identity[0] for each in records]
        (key,) = inspected(model).primary_key
        rows = await request.state.session.exec(
            select(model).where(key.in_(keys)).execution_options(populate_existing=True)
        )
        found = {inspected(each).identity[0]: each for each in rows.scalars()}
        if len(found) != len(set(keys)):
            raise HTTPException(HTTPStatus.NOT_FOUND, "Some of these records are gone.")
        return [found[each] for each in keys]

    def _named_here(self, request: Request, names: frozenset[str]) -> frozenset[str]:
        """The same fields by the names that they have on this page."""
        if self._ruled(request) is self.model:
            return names
        ours = {theirs: name for name, theirs in visit_of(request).services.records.names.items()}
        return frozenset(ours.get(each, each) for each in names)

    def check_sent(self, request: Request, form: FormData) -> None:
        """Forbidden for a form that no page of ours has made: it writes what they may not."""
        refused = [
            each.name
            for each in self.fields
            if is_sent(each, form) and not self.is_writable(request, each)
        ]
        if refused:
            refusal = Forbidden(
                f"You may not write {', '.join(refused)}.",
                code="field_not_permitted",
                fields=refused,
            )
            refusals.note(request, refusal, visit_of(request).principal)
            raise refusal


def _names(field: BaseField) -> set[str]:
    """Of a column, and of the relationship that it is read by."""
    return {field.name, getattr(field, "relation", None) or field.name}
