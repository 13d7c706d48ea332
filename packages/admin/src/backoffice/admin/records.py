"""The view of a model: reading, and making changes that are events in one transaction."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from sqlalchemy import Integer, String, Uuid, select
from sqlalchemy.exc import DataError, IntegrityError, StatementError
from sqlmodel import SQLModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.views import BaseModelView

from backoffice.admin import forms
from backoffice.admin.column_sizes import comparable, misfits
from backoffice.admin.columns import column_of
from backoffice.admin.constraints import WHOLE_FORM, explained, is_unfit
from backoffice.admin.events import RecordChanged, RecordCreated
from backoffice.admin.fields import Reference, References
from backoffice.admin.filtering import fit
from backoffice.admin.holding import held, is_whole
from backoffice.admin.imports.trials import TriableView
from backoffice.admin.labels import column_label
from backoffice.admin.relations import MOST_RELATED
from backoffice.core import Forbidden, Refusal

#: Where a request keeps the names of fields that its form shows, and does not write.
LOCKED = "backoffice_locked"
_SECRET = "backoffice_secret"  # noqa: S105


class RecordView(TriableView):
    """A page for one model, behind `{resource}:view`, `:add`, `:change`, `:delete`, `:export`."""

    def form_fields(self, request: Request) -> list[BaseField]:
        """The fields that a form of this request writes."""
        locked: set[str] = getattr(request.state, LOCKED, set())
        fields = self.get_fields_list(request)
        return [
            each
            for each in fields
            if not each.read_only and each.name not in locked and self.is_writable(request, each)
        ]

    def fixed_fields(self, request: Request) -> list[BaseField]:
        """The fields that a form of this request shows, and does not write."""
        written = {each.name for each in self.form_fields(request)}
        return [each for each in self.get_fields_list(request) if each.name not in written]

    async def prepare(self, request: Request, record: Any = None) -> None:
        """Get what the form of a record needs to know beforehand."""
        relations = [each for each in self.get_fields_list(request) if isinstance(each, References)]
        large = {
            each.name
            for each in relations
            if record is not None and len(getattr(record, each.name)) > MOST_RELATED
        }
        unseen = set() if record is None else await self._referring_to_unseen(request, record)
        setattr(request.state, LOCKED, large | unseen)

    async def _referring_to_unseen(self, request: Request, record: Any) -> set[str]:
        """Fields that refer to what may not be seen: a form that cannot name it would lose it."""
        found: set[str] = set()
        for each in self.get_fields_list(request):
            if isinstance(each, Reference) and (key := getattr(record, each.name)) is not None:
                other = self._ruled_view(request, each.resource)
                if other is not None and not await other.find_by_pks(request, [key]):
                    found.add(each.name)
        return found

    def _ruled_view(self, request: Request, resource: str) -> "RecordView | None":
        """The view that a reference leads to, if not all of it may be seen."""
        other = self._find_foreign_view(resource)
        if isinstance(other, RecordView) and other.has_policy(request, "view"):
            return other
        return None

    async def seen(self, request: Request, field: References, keys: list[str]) -> list[str]:
        """Those of these keys of a relation that they may know of."""
        other = self._ruled_view(request, field.resource)
        if other is None:
            return keys
        found = {other.keys.of(each) for each in await other.find_by_pks(request, list(keys))}
        return [each for each in keys if each in found]

    async def form_values(self, request: Request, record: Any) -> dict[str, Any]:
        """Field to what stands in the form of the record."""
        return forms.form_values(self.form_fields(request), record)

    def secret(self, request: Request) -> str | None:
        """What a change has made that is shown this once, such as a generated password."""
        found: str | None = getattr(request.state, _SECRET, None)
        return found

    def show_once(self, request: Request, secret: str) -> None:
        """Have the answer to this request show what nobody can look up later."""
        setattr(request.state, _SECRET, secret)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """A record of what a form sent (`forms.sent_values`); FormValidationError."""
        async with self._told_in_words():
            values = await self._read(request, data, None)
            related = self._taken_relations(values)
            record = forms.new_record(self.model, values)
            session = self.session(request)
            async with session.begin_nested():
                for name, records in related.items():
                    setattr(record, name, records)
                await self._emit_before_create(request, values, record)
                session.add(record)
                await session.flush()
                await session.refresh(record)
                await self._check_policy(request, "add", record)
            await self._emit_after_create(request, record)
            await self._tell(request, RecordCreated, record, {**values, **related})
            return record

    async def present(self, request: Request, pk: Any) -> Any:
        """The record with that key; 404 for one that is gone, perhaps since a moment ago."""
        record = held(self.session(request).sync_session).get((self.model, str(pk)))
        if record is None or not is_whole(record):
            record = await self.find_by_pk(request, pk)
        if record is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "This record is gone.")
        return record

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """The record with what a form changed of it; what was not sent stays as it is."""
        record = await self.present(request, pk)
        async with self._told_in_words():
            values = await self._read(request, data, record)
            related = self._taken_relations(values)
            changed = {**forms.changes(record, values), **related} if values or related else {}
            old = {name: getattr(record, name) for name in changed}
            if not changed:
                return record
            return await self.written(request, pk, record, changed, old)

    async def written(
        self,
        request: Request,
        pk: Any,
        record: Any,
        changed: dict[str, Any],
        old: dict[str, Any],
    ) -> Any:
        """The record with these values, told to whoever listens; Forbidden by its policies."""
        session = self.session(request)
        async with session.begin_nested():
            for name, value in changed.items():
                setattr(record, name, value)
            await self._emit_before_edit(request, changed, record, pk=pk, old_data=old)
            session.add(record)
            await session.flush()
            await session.refresh(record)
            await self._check_policy(request, "change", record)
        await self._emit_after_edit(request, record, pk=pk, old_data=old)
        await self._tell(request, RecordChanged, record, changed)
        return record

    async def _check_policy(self, request: Request, verb: str, record: SQLModel) -> None:
        """Nobody makes a record, or makes of one, what they might not touch."""
        (permitted,) = await self.judged(request, verb, [record])
        if not permitted:
            raise Forbidden(
                f"You may not {verb} a record such as this would be.", code="not_permitted"
            )

    async def handle_action(
        self, request: Request, selection: ActionSelection, name: str
    ) -> Response | None:
        """Do it, or ActionFailed in words: a statement is nobody's business."""
        try:
            return await BaseModelView.handle_action(self, request, selection, name)
        except Refusal as refusal:
            raise ActionFailed(refusal.message) from None
        except IntegrityError as error:
            raise ActionFailed(" ".join(set(explained(error, self.model).values()))) from None

    async def _read(
        self, request: Request, sent: dict[str, Any], current: SQLModel | None
    ) -> dict[str, Any]:
        fields = self.form_fields(request)
        values = forms.read_values(fields, sent, current)
        for each in fields:
            ruled = isinstance(each, References) and self._ruled_view(request, each.resource)
            if ruled and each.name in sent:
                # Also where nothing is new: it may name what they are not to know of.
                values.setdefault(each.name, sent[each.name])
        errors: dict[str | int, Any] = {}
        for each in fields:
            if isinstance(each, Reference | References) and values.get(each.name):
                await self._resolve(request, each, values, errors)
            elif (value := values.get(each.name)) is not None:
                await self._check_key(request, each.name, value, errors)
        if errors:
            raise FormValidationError(errors)
        for each in fields:
            if isinstance(each, References) and each.name in values and current is not None:
                await self._keep_unseen(request, each, values, current)
        return values

    async def _check_key(
        self, request: Request, name: str, value: Any, errors: dict[str | int, Any]
    ) -> None:
        """The same of what has no page, and is referred to by the key as it is typed."""
        column = column_of(self.model, name)
        keys = [] if column is None else list(column.foreign_keys)
        if len(keys) != 1 or len(keys[0].constraint.elements if keys[0].constraint else ()) != 1:
            return
        target = keys[0].column
        if not isinstance(target.type, Integer | String | Uuid):
            return
        try:
            fitting = fit(target.type, value)
        except (ValueError, ArithmeticError):
            return  # which the model will tell
        same = target == comparable(target, fitting)
        query = select(select(target).where(same).exists())
        if not (await self.executed(request, query)).scalar_one():
            errors[name] = f"There is no such {column_label(target.table.name).lower()} (any more)."

    async def _resolve(
        self,
        request: Request,
        field: Reference | References,
        values: dict[str, Any],
        errors: dict[str | int, Any],
    ) -> None:
        """Make sure that what is referred to exists, and may be seen."""
        other = self._find_foreign_view(field.resource)
        value = values[field.name]
        keys = set(value) if isinstance(value, list) else {value}
        found = await other.find_by_pks(request, list(keys))
        if len(found) != len(keys):
            errors[field.name] = f"There is no such {str(other.display_name).lower()} (any more)."
        elif isinstance(field, Reference) and any(map(_deleted_in(other), found)):
            errors[field.name] = f"This {str(other.display_name).lower()} is deleted."
        elif isinstance(field, References):
            values[field.name] = list(found)

    async def _keep_unseen(
        self, request: Request, field: References, values: dict[str, Any], current: SQLModel
    ) -> None:
        """What may not be seen is in no form, and stays all the same."""
        other = self._ruled_view(request, field.resource)
        if other is None:
            return
        present = {other.keys.of(each): each for each in getattr(current, field.name)}
        seen = set(await self.seen(request, field, list(present)))
        chosen = [*values[field.name], *(present[each] for each in present.keys() - seen)]
        if {other.keys.of(each) for each in chosen} == present.keys():
            del values[field.name]
        else:
            values[field.name] = chosen

    def _taken_relations(self, values: dict[str, Any]) -> dict[str, Any]:
        names = [each.name for each in self.fields if isinstance(each, References)]
        return {each: values.pop(each) for each in names if each in values}

    @asynccontextmanager
    async def _told_in_words(self) -> AsyncIterator[None]:
        """Whatever a database or a listener refuses, as an error of the form."""
        try:
            yield
        except IntegrityError as error:
            raise FormValidationError(explained(error, self.model)) from None
        except Refusal as refusal:
            raise FormValidationError({WHOLE_FORM: refusal.message}) from None
        except (DataError, StatementError, OverflowError) as error:
            if not is_unfit(error):
                raise
            told = misfits(self.model, getattr(error, "params", None))
            raise FormValidationError(told or {WHOLE_FORM: forms.UNFIT}) from None


def _deleted_in(other: BaseModelView) -> Callable[[Any], bool]:
    assert isinstance(other, RecordView)  # noqa: S101 - all views of the site are
    return other.is_deleted
