"""Deleting records: for good, or out of sight where the model has a column for that."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import false, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import Select
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action
from starlette_admin.exceptions import ActionFailed
from starlette_admin.types import RequestAction

from backoffice.admin.deletions import Deletion, deletion_of
from backoffice.admin.events import RecordDeleted, RecordEvent, RecordRestored
from backoffice.admin.holding import begin_to_write, held
from backoffice.admin.labels import words
from backoffice.admin.reading import ReadableView
from backoffice.admin.relations import forget_relations
from backoffice.admin.soft_deletion import DELETED, PURGE, RESTORE
from backoffice.admin.visits import visit_of

_SUBJECT_LENGTH = 128
#: An action is about a list where it is about all of it.
_LISTING = (RequestAction.LIST, RequestAction.EXPORT, RequestAction.ACTION)


class DeletingView(ReadableView):
    """A page whose records can be deleted, and restored where they are only put out of sight."""

    #: Whether whoever deletes has to hold what the cascades need; services judge by themselves.
    judges_cascades: ClassVar[bool] = True
    action_verbs: ClassVar[Mapping[str, str]] = {
        **ReadableView.action_verbs,
        RESTORE: RESTORE,
        PURGE: PURGE,
    }

    def get_list_query(self, request: Request) -> Select[Any]:
        """Without what was deleted, or of that alone where the list is asked for it."""
        return self._present(request, super().get_list_query(request))

    def get_count_query(self, request: Request) -> Select[Any]:
        """The number of them."""
        return self._present(request, super().get_count_query(request))

    def _present(self, request: Request, query: Select[Any]) -> Select[Any]:
        if self.soft_deletion is not None and self.shows_deleted(request):
            return query.where(self.soft_deletion.gone())
        return self.undeleted(query)

    def undeleted(self, query: Select[Any]) -> Select[Any]:
        """The same query, without records that are deleted and kept."""
        gone = self.soft_deletion
        return query if gone is None else query.where(gone.present())

    def sees_deleted(self, request: Request) -> bool:
        """Whether they may list what was deleted: whoever may do something about it."""
        may = self.may(request, RESTORE) or self.may(request, PURGE)
        return self.soft_deletion is not None and may

    def shows_deleted(self, request: Request) -> bool:
        """Whether this is the list of what was deleted."""
        asked = request.query_params.get(DELETED) == "only" and request.state.action in _LISTING
        return asked and self.sees_deleted(request)

    def is_deleted(self, record: Any) -> bool:
        """Whether the record is deleted, and kept."""
        return self.soft_deletion is not None and self.soft_deletion.is_deleted(record)

    async def is_action_allowed(self, request: Request, name: str) -> bool:
        """Of what was deleted, a list offers nothing but to restore it or to be rid of it."""
        allowed = await super().is_action_allowed(request, name)
        if request.state.action != RequestAction.LIST or self.soft_deletion is None:
            return allowed
        return allowed and (name in (RESTORE, PURGE)) == self.shows_deleted(request)

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """What is deleted is restored first; whose deletion a policy refuses stays as it is."""
        allowed = await super().is_row_action_allowed_for_obj(request, name, obj)
        if not allowed or self.soft_deletion is None:
            return allowed
        if name in (RESTORE, PURGE):
            return self.is_deleted(obj) and await self.permits(request, "delete", obj)
        return not self.is_deleted(obj)

    def destroys(self, name: str) -> bool:
        """Whether an action deletes records for good."""
        return name == PURGE or (name == "delete" and self.soft_deletion is None)

    async def hold(self, request: Request, pks: list[Any]) -> None:
        """Let nobody else change these records until this request has ended."""
        session = self.session(request)
        if visit_of(request).services.database.dialect == "sqlite":
            # It knows no lock of a row.
            await (await session.connection()).run_sync(begin_to_write)
        else:
            clauses = [self.keys.clause(str(each)) for each in pks]
            columns = [getattr(self.model, each) for each in self.keys.names]
            query = select(*columns).where(or_(false(), *clauses)).order_by(*columns)
            await self.executed(request, query.with_for_update())
        known = held(session.sync_session)
        for each in pks:
            known.setdefault((self.model, str(each)), None)

    async def deletion(self, request: Request, records: Sequence[Any]) -> Deletion:
        """What deleting these records for good reaches."""
        return await deletion_of(self, request, records)

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Delete these records, all or none; ActionFailed where something refers to one."""
        await self.hold(request, pks)
        records = await self.find_by_pks(request, pks)
        if self.soft_deletion is None:
            return await self._destroy(request, records)
        for each in records:
            if not self.is_deleted(each):
                self.soft_deletion.mark(each, visit_of(request).services.clock.now())
        await self._kept(request, records, RecordDeleted)
        return len(records)

    async def restore(self, request: Request, pks: list[Any]) -> int:
        """Bring back what was deleted, all or none."""
        assert self.soft_deletion is not None  # noqa: S101 - there is no such action else
        await self.hold(request, pks)
        records = await self.find_by_pks(request, pks)
        for each in records:
            self.soft_deletion.clear(each)
        await self._kept(request, records, RecordRestored)
        return len(records)

    async def purge(self, request: Request, pks: list[Any]) -> int:
        """Delete for good what was deleted before, all or none."""
        await self.hold(request, pks)
        return await self._destroy(request, await self.find_by_pks(request, pks))

    async def _destroy(self, request: Request, records: Sequence[Any]) -> int:
        if refusals := (await self.deletion(request, records)).refusals:
            raise ActionFailed(f"Nothing was deleted: {'; '.join(refusals)}.")
        session = self.session(request)
        try:
            async with session.begin_nested():
                for record in records:
                    await self._emit_before_delete(request, self.keys.of(record), record)
                    forget_relations(session, record)
                    await session.delete(record)
                await session.flush()
        except IntegrityError:
            raise ActionFailed(
                "Nothing was deleted: other records refer to what was to go."
            ) from None
        for record in records:
            await self._emit_after_delete(request, self.keys.of(record), record)
            await self._tell(request, RecordDeleted, record, {})
        return len(records)

    async def _kept(
        self, request: Request, records: Sequence[Any], kind: type[RecordEvent]
    ) -> None:
        """Write who is deleted, and tell of it."""
        session, soft = self.session(request), self.soft_deletion
        async with session.begin_nested():
            session.add_all(records)
            await session.flush()
        for each in records:
            await self._tell(request, kind, each, {soft.name: None} if soft else {})

    @action(name="delete", text="Delete")
    async def delete_action(self, request: Request, selection: ActionSelection) -> None:
        """Delete what was chosen; starlette-admin's own tells of it in a cookie of no session."""
        await self.delete(request, await selection.pks())

    @action(name=RESTORE, text="Restore", submit_btn_text="Restore")
    async def restore_action(self, request: Request, selection: ActionSelection) -> None:
        """Restore what was chosen."""
        await self.restore(request, await selection.pks())

    @action(name=PURGE, text="Delete for good", submit_btn_text="Delete for good")
    async def purge_action(self, request: Request, selection: ActionSelection) -> None:
        """Be rid of what was chosen."""
        await self.purge(request, await selection.pks())

    async def _tell(
        self, request: Request, kind: type[RecordEvent], record: SQLModel, fields: Mapping[str, Any]
    ) -> None:
        """Emit the event, in the transaction of the change."""
        visit = visit_of(request)
        name = words(self.model.__name__).lower().replace(" ", "-")
        event = kind(
            actor=visit.principal.name,
            subject=f"{name}:{self.keys.of(record)}"[:_SUBJECT_LENGTH],
            address=visit.client.address,
            fields=tuple(sorted(fields)),
        )
        await visit.services.events.emit(event, self.session(request))
