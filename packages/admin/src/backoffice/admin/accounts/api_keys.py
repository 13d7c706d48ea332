"""API keys: everybody's to look at and revoke, one's own to make."""

# ruff: noqa: ARG002 - starlette-admin calls these hooks with all that it has

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.filters import FilterRegistry
from starlette_admin.types import RequestAction

from backoffice.admin import forms
from backoffice.admin.accounts.key_states import TOLD_BY, KeyFilters, state_field, states_of
from backoffice.admin.accounts.views import AccountView
from backoffice.admin.fields import LinesField, Reference
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.visits import sent_form, visit_of
from backoffice.auth import ApiKey
from backoffice.auth.permissions import EVERYTHING
from backoffice.auth.reach import giving

#: For how long a key may go on beside its successor.
OVERLAPS = {
    "none": ("not at all", timedelta(0)),
    "hour": ("1 hour", timedelta(hours=1)),
    "day": ("1 day", timedelta(days=1)),
    "week": ("7 days", timedelta(days=7)),
    "month": ("30 days", timedelta(days=30)),
}
_FILTERS = KeyFilters()
_MOMENT = TypeAdapter(datetime)
_WRITTEN = ("name", "scopes", "networks", "rate_limit", "expires_at")
_SHOWN = (
    "id",
    "name",
    "prefix",
    "user_id",
    "state",
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
    list_display = (
        "name",
        "prefix",
        "user_id",
        "state",
        "scopes",
        "last_used_at",
        "expires_at",
        "created_at",
    )
    list_filter = ("user_id", "state")
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    label = "API keys"
    singular = "API key"
    icon = "key"


class ApiKeyView(AccountView):
    """Keys by which programs act for their owners; the secret of one is shown once."""

    admin = ApiKeyAdmin
    actions = ("rotate", "revoke")
    singly = frozenset({"rotate"})
    own_verbs = ("rotate",)
    action_verbs: ClassVar[Mapping[str, str]] = {
        "revoke": "delete",
        "rotate": "rotate",
        "export": "export",
    }
    dangerous: ClassVar[frozenset[str]] = frozenset({"add", "revoke", "rotate"})
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
        fields["state"] = state_field()
        for name, each in fields.items():
            each.read_only = name not in _WRITTEN
        return self.arranged(list(fields.values()), *_SHOWN)

    def can_edit(self, request: Request) -> bool:
        """Nobody changes a key: what holds it would not know."""
        return False

    def is_readable(self, request: Request, field: BaseField) -> bool:
        """How a key stands is told by what may be read of it."""
        if field.name == "state" and TOLD_BY & self.hidden(request):
            return False
        return super().is_readable(request, field)

    def get_filter_registry(self) -> FilterRegistry:
        """And by how keys stand."""
        return _FILTERS

    async def extras(
        self, request: Request, fields: Sequence[BaseField], records: Sequence[Any]
    ) -> dict[str, dict[str, Any]]:
        """How each of them stands, and its scopes in one line."""
        now = visit_of(request).services.clock.now()
        found = {"state": {self.keys.of(each): states_of(each, now) for each in records}}
        if request.state.action == RequestAction.EXPORT:
            return dict(found)
        return {**found, "scopes": {self.keys.of(each): _line(each.scopes) for each in records}}

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """What is revoked stays so; whoever rotates a key has it in hand, and may do as it."""
        if name == "edit" or obj.revoked_at is not None:
            return False
        if not await super().is_row_action_allowed_for_obj(request, name, obj):
            return False
        return name != "rotate" or await self._may_rotate(request, obj)

    async def _may_rotate(self, request: Request, key: Any) -> bool:
        principal, services = self.principal(request), visit_of(request).services
        if key.successor_id is not None or not services.keys.alive(key):
            return False
        if key.user_id == principal.id:
            return True
        held = await self.held(request, [key.user_id])
        giver = await giving(principal, services)
        return giver.can(*held.get(key.user_id, {EVERYTHING}))

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
        name="rotate",
        text="Rotate",
        confirmation="A successor with the same owner and terms is made, and shown once. The old "
        "key goes on beside it for as long as you say, and is refused then.",
        submit_btn_text="Make the successor",
    )
    async def rotate(self, request: Request, selection: ActionSelection) -> None:
        """Replace a key."""
        overlap = OVERLAPS.get(str((await sent_form(request)).get("overlap", "")))
        if overlap is None:
            raise ActionFailed("Choose for how long the old key goes on.")
        id, services = await self.only_id(selection), await self.services(request)
        _, _, text = await services.keys.rotate(
            id, overlap=overlap[1], actor=self.principal(request).name
        )
        self.show_once(request, text)

    def overlaps(self, request: Request) -> list[tuple[str, str]]:
        """For how long a key may go on beside its successor, in words."""
        most = visit_of(request).services.settings.key_overlap
        return [(name, label) for name, (label, span) in OVERLAPS.items() if span <= most]

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


def _line(scopes: Sequence[str] | None) -> str:
    return "all" if scopes is None else ", ".join(scopes)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = _MOMENT.validate_python(text)
    except ValidationError as error:
        raise FormValidationError({"expires_at": error.errors()[0]["msg"]}) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
