"""The audit log: what happened, who did it, from where. To read, and nothing else."""

# ruff: noqa: ARG002 - starlette-admin calls these hooks with all that it has

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.accounts.views import AccountView
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.presentation import other_view
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of
from backoffice.auth import AuditEntry
from backoffice.auth.audit import AS
from backoffice.auth.user_records import UserRecords

_NAMED = ("actor", "subject")
_USER = "user:"


class AuditAdmin(ModelAdmin):
    """How the log is listed."""

    model = AuditEntry
    list_display = ("at", "event", "outcome", "actor", "subject", "address")
    search_fields = ("event", "actor", "subject", "address")
    ordering = ("-at",)
    list_filter = ("at",)
    date_hierarchy = "at"
    label = "Audit log"
    singular = "Audit entry"
    icon = "list"
    resource = "audit"


class AuditView(AccountView):
    """Entries are written by what happens, in its transaction."""

    admin = AuditAdmin
    actions = ()

    def label(self, record: Any) -> str:
        """By what happened, and when."""
        return f"{record.event} {record.at:%Y-%m-%d %H:%M}"

    def can_create(self, request: Request) -> bool:
        """Nobody adds to the log by hand."""
        return False

    def can_edit(self, request: Request) -> bool:
        """Nobody changes the log."""
        return False

    def can_delete(self, request: Request) -> bool:
        """Nobody takes from the log."""
        return False

    async def is_action_allowed(self, request: Request, name: str) -> bool:
        """Nothing can be done to an entry."""
        return name == "export" and await super().is_action_allowed(request, name)

    async def extras(
        self, request: Request, fields: Sequence[BaseField], records: Sequence[Any]
    ) -> dict[str, dict[str, Any]]:
        """Users by address, for those who may see these users, and their addresses."""
        users = other_view(self, "users")
        if not users.is_accessible(request) or "email" in users.hidden(request):
            return {}
        named = {getattr(each, name) for each in records for name in _NAMED}
        mentioned = {one for each in named for one in each.split(AS)}
        emails = await self._emails(request, users, mentioned)
        told = {each: AS.join(emails.get(one, one) for one in each.split(AS)) for each in named}
        return {
            name: {self.keys.of(each): told[getattr(each, name)] for each in records}
            for name in _NAMED
        }

    async def _emails(
        self, request: Request, users: RecordView, mentioned: set[str]
    ) -> dict[str, str]:
        records = visit_of(request).services.records
        ids = {found for each in mentioned if (found := _user_id(each, records)) is not None}
        user: Any = records.user
        query = select(user.id, user.email).where(user.id.in_(ids))
        rows = await self.executed(request, users.within(request, query, "view"))
        return {f"{_USER}{id}": email for id, email in rows.all()}


def _user_id(name: str, records: UserRecords) -> UUID | None:
    try:
        return records.read_id(name.removeprefix(_USER)) if name.startswith(_USER) else None
    except ValueError:
        return None
