"""Users: found, created, changed and deleted by auth's services. No hash is shown or set."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import select
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField, PasswordField
from starlette_admin.types import RequestAction

from backoffice.admin import forms
from backoffice.admin.accounts.user_actions import UserActions
from backoffice.admin.columns import fields_of
from backoffice.admin.fields import ChoicesField
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.visits import visit_of
from backoffice.auth import Principal, Services, User
from backoffice.auth.permissions import EVERYTHING
from backoffice.auth.reach import (
    check_permissions,
    check_roles,
    check_user,
    giving,
    roles_within,
    users_within,
)
from backoffice.auth.user_records import UserRecords

_ROLES = "backoffice_roles"
#: Of the user whose form it is: those that they held when it was looked at.
_HELD = "backoffice_roles_held"


class UserAdmin(ModelAdmin):
    """How users are listed."""

    model = User
    list_display = (
        "email",
        "roles",
        "is_active",
        "is_superuser",
        "is_service",
        "is_verified",
        "created_at",
    )
    search_fields = ("email",)
    ordering = ("email",)
    readonly_fields = ("is_service", "locked_until", "created_at", "password_changed_at")
    icon = "users"
    #: Which table they are in.
    records: ClassVar[UserRecords] = UserRecords()


class UserView(UserActions):
    """People and services that can sign in."""

    admin = UserAdmin
    options: type[UserAdmin]
    actions = (
        "new-password",
        "send-reset",
        "end-sessions",
        "unlock",
        "deactivate",
        "activate",
        "delete",
    )
    singly = frozenset({"new-password"})
    own_verbs = ("impersonate",)
    action_verbs: ClassVar[Mapping[str, str]] = {
        **UserActions.action_verbs,
        "impersonate": "impersonate",
    }
    dangerous: ClassVar[frozenset[str]] = frozenset({"add", "change", *actions})
    told_at: ClassVar[dict[str, str]] = {
        "invalid_email": "email",
        "email_taken": "email",
        "weak_password": "password",
        "beyond_reach": "roles",
    }

    def made_fields(
        self,
        model: type[SQLModel],  # noqa: ARG002
        resources: Mapping[type[SQLModel], str],
    ) -> list[BaseField]:
        """Columns, the roles held, and a password for somebody new."""
        # Those of our own class, whatever table the users are in: the attributes are the same.
        fields = super().made_fields(User, resources)
        for each in fields:
            each.exclude_from_create = each.name in ("is_active", "is_verified")
        roles = ChoicesField("roles", choices_loader=_offered_roles)
        password = PasswordField(
            "password",
            help_text="Leave it empty for a generated one, which is shown once.",
            exclude_from_list=True,
            exclude_from_detail=True,
            exclude_from_edit=True,
            exclude_from_export=True,
        )
        made = [*fields[:2], password, roles, *fields[2:]]
        own = self._own_fields({each.name for each in made})
        self._own_names = {each.name for each in own}
        return [*made, *own]

    def _own_fields(self, taken: set[str]) -> list[BaseField]:
        """What an adopted table has besides, to be read on the page of a user."""
        records = self.options.records
        names = set(records.own) - taken
        found = [each for each in fields_of(records.model, {}) if each.name in names]
        for each in found:
            each.read_only = each.exclude_from_list = each.exclude_from_export = True
            each.exclude_from_create = each.exclude_from_edit = True
        return found

    def label(self, record: Any) -> str:
        """By address; a program's account says that it is one, wherever it is named."""
        return f"{record.email} (service)" if record.is_service else str(record.email)

    def can_access_field(
        self, request: Request, field: BaseField, action: RequestAction | None = None
    ) -> bool:
        """Superusers alone make superusers."""
        wanted = action or request.state.action
        if field.name == "is_superuser" and wanted.is_form():
            return self.principal(request).can(EVERYTHING)
        return super().can_access_field(request, field, action)

    async def editable(self, request: Request, records: Sequence[Any]) -> set[str]:
        """Those within reach, in one query for all of them."""
        if not self.can_edit(request):
            return set()
        services = visit_of(request).services
        within = await users_within(self.principal(request), services, records)
        return {self.keys.of(each) for each in within}

    async def extras(
        self, request: Request, fields: Sequence[BaseField], records: Sequence[Any]
    ) -> dict[str, dict[str, Any]]:
        """The roles of each, and what an adopted table has besides."""
        wanted = [each.name for each in fields if each.name in self._own_names]
        found = await self._own(request, wanted, records) if wanted else {}
        if any(each.name == "roles" for each in fields):
            held = await visit_of(request).services.roles.of_users(each.id for each in records)
            found["roles"] = {str(id): names for id, names in held.items()}
        return found

    async def _own(
        self, request: Request, wanted: Sequence[str], records: Sequence[Any]
    ) -> dict[str, dict[str, Any]]:
        model, key = self.options.records.model, self.options.records.key
        columns = [getattr(model, each) for each in (key, *wanted)]
        ids = [each.id for each in records]
        rows = await self.executed(request, select(*columns).where(columns[0].in_(ids)))
        values = {str(row[0]): row[1:] for row in rows.all()}
        return {
            name: {key: row[number] for key, row in values.items()}
            for number, name in enumerate(wanted)
        }

    async def prepare(self, request: Request, record: Any = None) -> None:
        """The roles that may be given, and those that are held."""
        await super().prepare(request, record)
        services = await self.services(request)
        offered = {role.name for role in await roles_within(self.principal(request), services)}
        held = set(await services.roles.of_user(record.id)) if record is not None else set()
        setattr(request.state, _ROLES, sorted(offered | held))
        setattr(request.state, _HELD, held)

    async def form_values(self, request: Request, record: Any) -> dict[str, Any]:
        """With the roles held."""
        held = await visit_of(request).services.roles.of_user(record.id)
        return {**await super().form_values(request, record), "roles": held}

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """A new account; a generated password is shown once."""
        values = forms.read_values(self.form_fields(request), data, None)
        password = values.get("password") or self.generated(request)
        principal, services = self.principal(request), await self.services(request)
        async with self.told():
            giver = await giving(principal, services)
            check_permissions(giver, [EVERYTHING] if values.get("is_superuser") else [])
            await check_roles(giver, services, values.get("roles", ()))
            await self.tried(request, "add", None, _given(values, services.clock.now()))
            return await services.users.create(
                values["email"],
                password,
                superuser=bool(values.get("is_superuser")),
                roles=values.get("roles", ()),
                actor=principal.name,
            )

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Change what was sent, with the roles, all at once or not at all."""
        user = await self.present(request, pk)
        values = forms.read_values(self.form_fields(request), data, user)
        wanted = values.pop("roles", None)
        seen = {name: getattr(user, name) for name in values}
        principal, services = self.principal(request), await self.services(request)
        if user.id == principal.id and values.get("is_active") is False:
            text = "This is your own account: you would be out. Have somebody else deactivate it."
            raise FormValidationError({"is_active": text})
        held = getattr(request.state, _HELD, None)
        if held is None:
            held = set(await services.roles.of_user(user.id))
        if wanted is not None:
            seen["roles"] = held
        async with self.told():
            giver = await giving(principal, services)
            await self._check_lasting(giver, services, user, values)
            await check_roles(principal, services, held - set(held if wanted is None else wanted))
            await check_roles(giver, services, set(wanted or ()) - held)
            await self.tried(request, "change", user, values)
            return await services.users.change(
                user.id, values, roles=wanted, seen=seen, actor=principal.name
            )

    async def _check_lasting(
        self, giver: Principal, services: Services, user: Any, values: Mapping[str, Any]
    ) -> None:
        """What outlasts the rights of who does it, if those are for a while."""
        if values.get("is_superuser") and not user.is_superuser:
            check_permissions(giver, [EVERYTHING])
        if user.id != giver.id and values.get("email", user.email) != user.email:
            await check_user(giver, services, user)

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Delete accounts, with their sessions and keys."""
        ids = [each.id for each in await self.find_by_pks(request, pks)]
        services = await self.services(request)
        for id in ids:
            await services.users.delete(id, actor=self.principal(request).name)
        return len(ids)


def _given(values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What a policy can know of an account before there is one."""
    superuser = bool(values.get("is_superuser"))
    known = {"email": values["email"], "hashed_password": "", "is_superuser": superuser}
    return {**known, "created_at": now, "password_changed_at": now}


def _offered_roles(request: Request) -> list[tuple[str, str]]:
    return [(each, each) for each in getattr(request.state, _ROLES, ())]
