"""Roles: named sets of permissions, written one on each line."""

# ruff: noqa: ARG002 - starlette-admin calls these hooks with all that it has

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin import forms
from backoffice.admin.accounts.views import AccountView
from backoffice.admin.fields import ChoicesField, LinesField, form_value
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.visits import visit_of
from backoffice.auth import Role
from backoffice.auth.permissions import parsed
from backoffice.auth.reach import check_permissions, check_roles, giving, roles_within

_ROLES = "backoffice_included_roles"
_WITHIN = "backoffice_roles_within_reach"
#: What the role whose form it is allowed and included when it was looked at.
_SEEN = "backoffice_role_seen"


class RoleAdmin(ModelAdmin):
    """How roles are listed."""

    model = Role
    list_display = ("name", "description", "permissions", "includes")
    ordering = ("name",)
    icon = "shield"


class RoleView(AccountView):
    """What those who hold a role may do."""

    admin = RoleAdmin
    dangerous: ClassVar[frozenset[str]] = frozenset({"add", "change", "delete"})
    told_at: ClassVar[dict[str, str]] = {
        "role_taken": "name",
        "invalid_permission": "permissions",
        "unknown_permission": "permissions",
        "beyond_reach": "permissions",
        "role_circle": "includes",
        "not_found": "includes",
    }

    def made_fields(
        self, model: type[SQLModel], resources: Mapping[type[SQLModel], str]
    ) -> list[BaseField]:
        """Columns, and the permissions."""
        permissions = LinesField(
            "permissions",
            help_text="One on each line: books:view, books:*, or * for everything.",
        )
        includes = ChoicesField("includes", choices_loader=_offered_roles)
        return [*super().made_fields(model, resources), permissions, includes]

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """Nobody acts on a role that allows more than they may do."""
        allowed = await super().is_row_action_allowed_for_obj(request, name, obj)
        return allowed and obj.id in await self.within_reach(request)

    async def editable(self, request: Request, records: Sequence[Any]) -> set[str]:
        """Those within reach."""
        if not self.can_edit(request):
            return set()
        return {str(each) for each in await self.within_reach(request)}

    async def extras(
        self, request: Request, fields: Sequence[BaseField], records: Sequence[Any]
    ) -> dict[str, dict[str, Any]]:
        """The permissions of each, in one line, and the roles that it includes."""
        shown, roles = {each.name for each in fields}, visit_of(request).services.roles
        found: dict[str, dict[str, Any]] = {}
        if "permissions" in shown:
            held = await roles.all()
            found["permissions"] = {str(role.id): ", ".join(names) for role, names in held}
        if "includes" in shown:
            found["includes"] = {str(id): names for id, names in (await roles.inclusions()).items()}
        return found

    async def prepare(self, request: Request, record: Any = None) -> None:
        """The roles that may be included, and those that are."""
        await super().prepare(request, record)
        services = await self.services(request)
        within = await roles_within(self.principal(request), services)
        offered = {each.name for each in within if record is None or each.id != record.id}
        held = set() if record is None else set(await services.roles.included_in(record.id))
        setattr(request.state, _ROLES, sorted(offered | held))
        if record is not None:
            permissions = set(await services.roles.permissions_of(record.id))
            setattr(request.state, _SEEN, {"permissions": permissions, "includes": held})

    async def form_values(self, request: Request, record: Any) -> dict[str, Any]:
        """With the permissions, and the roles that it includes."""
        roles = visit_of(request).services.roles
        field = next(each for each in self.fields if each.name == "permissions")
        return {
            **await super().form_values(request, record),
            "permissions": form_value(field, await roles.permissions_of(record.id)),
            "includes": await roles.included_in(record.id),
        }

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """A new role."""
        values = forms.read_values(self.form_fields(request), data, None)
        principal, services = self.principal(request), await self.services(request)
        includes = values.get("includes", ())
        async with self.told():
            permissions = [parsed(each) for each in values.get("permissions", ())]
            giver = await giving(principal, services)
            check_permissions(giver, permissions)
            await check_roles(giver, services, includes)
            return await services.roles.create(
                values["name"],
                permissions,
                includes=includes,
                description=values.get("description") or "",
                actor=principal.name,
            )

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Rename or describe it, and set what it allows, all at once or not at all."""
        role = await self.present(request, pk)
        values = forms.read_values(self.form_fields(request), data, role)
        principal, services = self.principal(request), await self.services(request)
        held = set(await services.roles.permissions_of(role.id))
        included = set(await services.roles.included_in(role.id))
        seen: dict[str, Any] = {"permissions": held, "includes": included}
        seen |= getattr(request.state, _SEEN, {})
        seen |= {"name": role.name, "description": role.description}
        async with self.told():
            wanted = {parsed(each) for each in values.pop("permissions", held)}
            includes = set(values.pop("includes", included))
            giver = await giving(principal, services)
            check_permissions(principal, held - wanted)
            check_permissions(giver, wanted - held)
            await check_roles(principal, services, included - includes)
            await check_roles(giver, services, includes - included)
            await services.roles.change(
                role.id,
                name=values.get("name", role.name),
                description=values.get("description", role.description) or "",
                permissions=wanted,
                includes=includes,
                seen=seen,
                actor=principal.name,
            )
        await self.session(request).refresh(role)
        return role

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Delete roles; who held one loses what it granted."""
        ids = [each.id for each in await self.find_by_pks(request, pks)]
        services = await self.services(request)
        for id in ids:
            await services.roles.delete(id, actor=self.principal(request).name)
        return len(ids)

    async def within_reach(self, request: Request) -> set[Any]:
        """The ids of the roles that allow nothing that the person may not do; found once."""
        found: set[Any] | None = getattr(request.state, _WITHIN, None)
        if found is None:
            services = visit_of(request).services
            found = {role.id for role in await roles_within(self.principal(request), services)}
            setattr(request.state, _WITHIN, found)
        return found


def _offered_roles(request: Request) -> list[tuple[str, str]]:
    return [(each, each) for each in getattr(request.state, _ROLES, ())]
