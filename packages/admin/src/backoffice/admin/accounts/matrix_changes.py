"""Changes of the matrix: read from a form, held to what its sender may do, foreseen, and made."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import col
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from backoffice.admin.accounts.roles import RoleView
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of
from backoffice.auth.permissions import parsed
from backoffice.auth.reach import check_permissions, giving
from backoffice.auth.role_effects import Cell, Effect, Foresight, foreseen, holders, of_users
from backoffice.core import InvalidInput

#: People whom a preview names.
MOST_NAMED = 100
_SIGNS = {"+": True, "-": False}


@dataclass(frozen=True)
class Preview:
    """What would come of it, as far as whoever asks may know."""

    found: Foresight
    #: By name, what each role has besides and has no more.
    roles: Sequence[tuple[str, Effect]]
    #: By name; None where users may not be seen.
    people: Sequence[tuple[str, str, Effect]] | None
    #: How many hold the roles besides those that were looked at.
    others: int = 0

    @property
    def digest(self) -> str:
        """Of all that is told: another one, where something else would come of it by now."""
        told = (self.found.cells, self.roles, self.people, self.others)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    @property
    def cells(self) -> list[str]:
        """The changes, as a form says them."""
        return [f"{'+' if c.allow else '-'} {c.role} {c.permission}" for c in self.found.cells]


def marked(form: FormData) -> list[Cell]:
    """What differs between the boxes of a form and what stood in them when it was opened."""
    stood: set[tuple[uuid.UUID, str]] = set()
    for text in form.getlist("stood"):
        role, *permissions = str(text).split(" ")
        stood |= {(_id(role), _permission(each)) for each in permissions}
    allowed = {_place(str(each)) for each in form.getlist("allow")}
    more = [Cell(*each, allow=True) for each in allowed - stood]
    return [*more, *(Cell(*each, allow=False) for each in stood - allowed)]


def confirmed(form: FormData) -> list[Cell]:
    """What a preview has asked about."""
    found = []
    for text in form.getlist("cell"):
        sign, _, place = str(text).partition(" ")
        if sign not in _SIGNS:
            raise _unreadable()
        found.append(Cell(*_place(place), allow=_SIGNS[sign]))
    return found


async def check(view: RoleView, request: Request, cells: Iterable[Cell]) -> None:
    """404 for a role that may not be seen or is gone, 403 for what is not theirs to change."""
    cells = list(cells)
    if not view.can_edit(request):
        raise HTTPException(403, "You may not change roles.")
    field = next(each for each in view.fields if each.name == "permissions")
    if not view.is_writable(request, field):
        raise HTTPException(403, "You may not change what roles allow.")
    wanted = {str(each.role) for each in cells}
    roles = await view.find_by_pks(request, sorted(wanted))
    if len(roles) != len(wanted):
        raise HTTPException(404, "One of these roles is gone; open the matrix again.")
    await view.judged(request, "change", roles)
    for role in roles:
        if not await view.is_row_action_allowed_for_obj(request, "edit", role):
            raise HTTPException(403, f"You may not change the role {role.name}.")
    principal, services = view.principal(request), await view.services(request)
    check_permissions(principal, [each.permission for each in cells if not each.allow])
    giver = await giving(principal, services)
    check_permissions(giver, [each.permission for each in cells if each.allow])
    for each in cells:
        if each.allow:
            services.catalogue.checked(each.permission)


async def preview(
    view: RoleView, users: RecordView, request: Request, cells: Iterable[Cell]
) -> Preview:
    """What would come of these cells now."""
    session, services = view.session(request), await view.services(request)
    found = await foreseen(services, session, cells)
    visible = await view.executed(request, view.within(request, select(view.model.id), "view"))
    shown = set(visible.scalars().all())
    told = {found.names[id] for id in found.affected if id in shown}
    roles = [each for each in found.roles() if each[0] in told]
    people, others = None, 0
    if users.is_accessible(request) and "email" not in users.hidden(request):
        people, others = await _people(users, request, found)
    await session.commit()
    return Preview(found, roles, people, others)


async def _people(
    users: RecordView, request: Request, found: Foresight
) -> tuple[list[tuple[str, str, Effect]], int]:
    services = visit_of(request).services
    user, those = services.records.user, holders(services, found)
    query = users.within(request, select(user).where(those), "view")
    first = await users.executed(request, query.order_by(col(user.email)).limit(MOST_NAMED))
    looked_at = list(first.scalars().all())
    counted = users.within(request, select(func.count()).select_from(user).where(those), "view")
    number = (await users.executed(request, counted)).scalar_one()
    effects = await of_users(services, users.session(request), found, looked_at)
    named = [
        (users.keys.of(each), users.named(request, each), effect)
        for each, effect in zip(looked_at, effects, strict=True)
        if effect
    ]
    return named, number - len(looked_at)


def _place(text: str) -> tuple[uuid.UUID, str]:
    role, _, permission = text.partition(" ")
    return _id(role), _permission(permission)


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise _unreadable() from None


def _permission(text: str) -> str:
    try:
        return parsed(text)
    except InvalidInput:
        raise _unreadable() from None


def _unreadable() -> HTTPException:
    return HTTPException(400, "This is no form of the matrix; open the matrix again.")
