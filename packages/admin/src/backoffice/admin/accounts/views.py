"""What the views of accounts share: every change is made by the services of `auth`."""

import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from starlette.requests import Request
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField

from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of
from backoffice.auth import Principal, Services
from backoffice.core import Refusal

#: Of a request: what users hold who were asked about in it.
_HELD = "backoffice_held_by_users"


class AccountView(RecordView):
    """A view whose changes are events and audit entries of `auth`, never writes of its own."""

    admin: ClassVar[type[ModelAdmin]]
    is_written_plainly: ClassVar[bool] = False
    in_transaction = False
    judges_cascades = False
    #: Code of a refusal to the field that it is about.
    told_at: ClassVar[dict[str, str]] = {}

    def principal(self, request: Request) -> Principal:
        """Who is at the browser."""
        return visit_of(request).principal

    async def services(self, request: Request) -> Services:
        """The services; this request's connection goes back first, for they take their own."""
        await self.session(request).commit()
        return visit_of(request).services

    async def held(
        self, request: Request, ids: Iterable[uuid.UUID]
    ) -> Mapping[uuid.UUID, frozenset[str]]:
        """What these users may do, by their ids, and nothing of who is gone; each is looked up
        once in a request, and all of them together."""
        known: dict[uuid.UUID, frozenset[str]] = getattr(request.state, _HELD, {})
        if missing := set(ids) - known.keys():
            known = known | await visit_of(request).services.effective.of_users(missing)
            setattr(request.state, _HELD, known)
        return known

    async def hold(self, request: Request, pks: list[Any]) -> None:
        """Nothing: the services write by a connection of their own, which would wait for this."""

    def arranged(self, fields: list[BaseField], *names: str) -> list[BaseField]:
        """Those of the fields, in this order."""
        by_name = {each.name: each for each in fields}
        return [by_name[each] for each in names]

    async def each_id(self, selection: ActionSelection) -> list[uuid.UUID]:
        """The ids that an action is about."""
        return [record.id for record in await selection.rows()]

    async def only_id(self, selection: ActionSelection) -> uuid.UUID:
        """The one id that an action is about; ActionFailed for several."""
        ids = await self.each_id(selection)
        if len(ids) != 1:
            raise ActionFailed("Do this to one at a time.")
        return ids[0]

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """What the services refuse, as an error of the form at the field that it is about."""
        try:
            yield
        except Refusal as refusal:
            field = self.told_at.get(refusal.code, WHOLE_FORM)
            raise FormValidationError({field: refusal.message}) from None
