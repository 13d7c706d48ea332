"""API keys: everybody's to look at and revoke, one's own to make."""

# ruff: noqa: ARG002 - starlette-admin calls these hooks with all that it has

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField

from backoffice.admin import forms
from backoffice.admin.accounts.views import AccountView
from backoffice.admin.fields import LinesField, Reference
from backoffice.admin.model_admin import ModelAdmin
from backoffice.auth import ApiKey

_MOMENT = TypeAdapter(datetime)
_WRITTEN = ("name", "scopes", "networks", "rate_limit", "expires_at")
_SHOWN = (
    "id",
    "name",
    "prefix",
    "user_id",
    "scopes",
    "networks",
    "rate_limit",
    "manages_credentials",
    "created_at",
    "expires_at",
    "successor_id",
    "last_used_at",
    "revoked_at",
)


class ApiKeyAdmin(ModelAdmin):
    """How keys are listed."""

    model = ApiKey
    list_display = ("name", "prefix", "user_id", "created_at", "expires_at", "revoked_at")
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    label = "API keys"
    singular = "API key"
    icon = "key"


class ApiKeyView(AccountView):
    """Keys by which programs act for their owners; the secret of one is shown once."""

    admin = ApiKeyAdmin
    actions = ("revoke",)
    action_verbs: ClassVar[Mapping[str, str]] = {"revoke": "delete", "export": "export"}
    dangerous: ClassVar[frozenset[str]] = frozenset({"add", "revoke"})
    told_at: ClassVar[dict[str, str]] = {
        "scope_not_held": "scopes",
        "invalid_permission": "scopes",
        "invalid_network": "networks",
        "invalid_limit": "rate_limit",
    }

    def made_fields(
        self, model: type[SQLModel], resources: Mapping[type[SQLModel], str]
    ) -> list[BaseField]:
        """Columns, with the scopes and networks as lines, and the successor by its name."""
        fields = {each.name: each for each in super().made_fields(model, resources)}
        fields["scopes"] = LinesField(
            "scopes",
            help_text="What the key may do at most, one permission on each line. "
            "Empty for all that you may do yourself.",
        )
        fields["networks"] = LinesField(
            "networks",
            help_text="From where the key may be used, such as 10.0.0.0/8, one on each line. "
            "Empty for anywhere.",
        )
        fields["rate_limit"].help_text = "Such as 100/minute. Empty for as often as anybody."
        fields["successor_id"] = Reference(
            "successor_id", label="Successor", resource=resources[ApiKey]
        )
        for name, each in fields.items():
            each.read_only = name not in _WRITTEN
        return self.arranged(list(fields.values()), *_SHOWN)

    def can_edit(self, request: Request) -> bool:
        """Nobody changes a key: what holds it would not know."""
        return False

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """What is revoked stays so."""
        if name == "edit" or obj.revoked_at is not None:
            return False
        return await super().is_row_action_allowed_for_obj(request, name, obj)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """A key of one's own; its text is shown once."""
        values = forms.read_values(self.form_fields(request), data, None)
        expires_at = _moment(values.get("expires_at"))
        principal, services = self.principal(request), await self.services(request)
        owner = await services.users.get(principal.id)
        async with self.told():
            key, text = await services.keys.create(
                owner,
                values["name"],
                scopes=values.get("scopes") or None,
                expires_at=expires_at,
                networks=values.get("networks") or None,
                rate_limit=values.get("rate_limit"),
                actor=principal.name,
            )
        self.show_once(request, text)
        return key

    @action(
        name="revoke",
        text="Revoke",
        confirmation="What uses it is refused from now on. This cannot be undone.",
        submit_btn_text="Revoke",
    )
    async def revoke(self, request: Request, selection: ActionSelection) -> None:
        """End keys."""
        ids, services = await self.each_id(selection), await self.services(request)
        for id in ids:
            await services.keys.revoke(id, actor=self.principal(request).name)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = _MOMENT.validate_python(text)
    except ValidationError as error:
        raise FormValidationError({"expires_at": error.errors()[0]["msg"]}) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
