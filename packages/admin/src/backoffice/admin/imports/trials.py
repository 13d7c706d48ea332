"""Trials: a change that is made to see whether it could be, and taken back at once."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlmodel import SQLModel
from starlette.requests import Request

from backoffice.admin.deleting import DeletingView
from backoffice.admin.events import RecordEvent

_TRIAL = "backoffice_trial"


class TriableView(DeletingView):
    """A page whose changes may be tried: then nobody hears of them."""

    @asynccontextmanager
    async def trial(self, request: Request) -> AsyncIterator[None]:
        """Take back what is changed meanwhile."""
        setattr(request.state, _TRIAL, True)
        try:
            async with self.session(request).begin_nested() as savepoint:
                yield
                await savepoint.rollback()
        finally:
            setattr(request.state, _TRIAL, False)

    async def _tell(
        self, request: Request, kind: type[RecordEvent], record: SQLModel, fields: Mapping[str, Any]
    ) -> None:
        if not _is_trial(request):
            await super()._tell(request, kind, record, fields)

    async def _emit_after_create(self, request: Request, obj: Any) -> None:
        if not _is_trial(request):
            await super()._emit_after_create(request, obj)

    async def _emit_after_edit(
        self, request: Request, obj: Any, pk: Any = None, old_data: dict[str, Any] | None = None
    ) -> None:
        if not _is_trial(request):
            await super()._emit_after_edit(request, obj, pk=pk, old_data=old_data)


def _is_trial(request: Request) -> bool:
    return bool(getattr(request.state, _TRIAL, False))
