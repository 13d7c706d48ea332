"""Sessions: who is signed in, from where; each can be ended."""

# ruff: noqa: ARG002 - starlette-admin calls these hooks with all that it has

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action
from starlette_admin.fields import BaseField

from backoffice.admin.accounts.views import AccountView
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.visits import visit_of
from backoffice.auth import UserSession


class SessionAdmin(ModelAdmin):
    """How sessions are listed."""

    model = UserSession
    list_display = ("user_id", "kind", "address", "created_at", "last_seen_at", "ended_at")
    search_fields = ("address", "user_agent")
    ordering = ("-last_seen_at",)
    label = "Sessions"
    singular = "Session"
    icon = "clock"
    resource = "sessions"


class SessionView(AccountView):
    """Sign-ins, to look at and to end."""

    admin = SessionAdmin
    actions = ("end",)
    action_verbs: ClassVar[Mapping[str, str]] = {"end": "delete", "export": "export"}
    dangerous: ClassVar[frozenset[str]] = frozenset({"end"})

    def made_fields(
        self, model: type[SQLModel], resources: Mapping[type[SQLModel], str]
    ) -> list[BaseField]:
        """What tells a session from another."""
        names = ("id", "user_id", "kind", "address", "user_agent", "created_at", "last_seen_at")
        fields = super().made_fields(model, resources)
        return self.arranged(fields, *names, "expires_at", "ended_at")

    def label(self, record: Any) -> str:
        """By where it came from."""
        return f"{record.kind} session from {record.address or 'an unknown address'}"

    def can_create(self, request: Request) -> bool:
        """Sessions are opened by signing in."""
        return False

    def can_edit(self, request: Request) -> bool:
        """Nobody changes a session."""
        return False

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """What has ended stays so."""
        if name == "edit" or obj.ended_at is not None:
            return False
        return await super().is_row_action_allowed_for_obj(request, name, obj)

    @action(
        name="end",
        text="End session",
        confirmation="Whoever is signed in by it is signed out with their next request.",
        submit_btn_text="End",
    )
    async def end(self, request: Request, selection: ActionSelection) -> None:
        """End sessions."""
        ids, services = await self.each_id(selection), await self.services(request)
        visit = visit_of(request)
        for id in ids:
            await services.sessions.end(id, actor=visit.principal.name, client=visit.client)
