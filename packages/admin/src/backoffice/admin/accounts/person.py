"""The page of one user: what they hold and until when, where they are signed in, what they did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlmodel import col
from starlette.requests import Request

from backoffice.admin.accounts.sections import Section, section
from backoffice.admin.accounts.users import UserView
from backoffice.admin.visits import visit_of
from backoffice.auth import ApiKey, AuditEntry, Principal, Services, UserSession, audit
from backoffice.auth.effective import Path
from backoffice.auth.permissions import EVERYTHING
from backoffice.auth.reach import roles_within

#: What one may be shown of the permissions of others.
SEES_PERMISSIONS = "permissions:view"
_MOST_WAYS = 200
#: Entries of the audit log, the newest, among which those of one person are looked for.
LOOKED_AT = 20_000


@dataclass(frozen=True)
class Held:
    """A role or a permission that was given, until when, and whether it may be taken."""

    name: str
    until: datetime | None
    may_take: bool


@dataclass(frozen=True)
class Person:
    """What stands on the page beside the fields."""

    locked_until: datetime | None
    may_change: bool
    may_lock: bool
    may_set_password: bool
    may_impersonate: bool
    #: None where they may not be seen.
    roles: Sequence[Held] | None
    offered_roles: Sequence[str]
    permissions: Sequence[Held] | None
    offered_permissions: Sequence[str]
    #: Of each permission or pattern, by what it came, and until when.
    ways: Sequence[tuple[str, str, datetime | None]]
    sections: Sequence[Section]


async def person(view: UserView, request: Request, user: Any) -> Person:
    """All of it that may be seen."""
    visit, who = visit_of(request), view.principal(request)
    services = visit.services
    locked = user.locked_until if _is_ahead(user.locked_until, services) else None
    shown = {each.name for each in view.get_fields_list(request)}
    may_change = await view.is_row_action_allowed_for_obj(request, "edit", user)
    roles, offered = await _roles(services, who, user) if "roles" in shown else (None, [])
    sees = who.can(SEES_PERMISSIONS)
    return Person(
        locked_until=locked if "locked_until" in shown else None,
        may_change=may_change and may_give(view, request),
        may_lock=await view.is_row_action_allowed_for_obj(request, "lock", user),
        may_set_password=await view.is_row_action_allowed_for_obj(request, "new-password", user),
        may_impersonate=view.may(request, "impersonate")
        and visit.acting is None
        and await view.is_row_action_allowed_for_obj(request, "impersonate", user),
        roles=roles,
        offered_roles=offered,
        permissions=await _permissions(services, who, user) if sees else None,
        offered_permissions=_known(services, who) if sees and may_change else [],
        ways=await _ways(services, user) if sees else [],
        sections=await _sections(view, request, user),
    )


def may_give(view: UserView, request: Request) -> bool:
    """Whether what users hold is theirs to write at all."""
    return all(view.is_writable(request, each) for each in view.fields if each.name == "roles")


async def _roles(services: Services, who: Principal, user: Any) -> tuple[list[Held], list[str]]:
    within = {each.name for each in await roles_within(who, services)}
    held = [
        Held(name, until, name in within) for name, until in await services.roles.held_by(user.id)
    ]
    return held, sorted(within)


async def _permissions(services: Services, who: Principal, user: Any) -> list[Held]:
    return [
        Held(each.permission, each.expires_at, who.can(each.permission))
        for each in await services.grants.of_user(user.id)
    ]


def _known(services: Services, who: Principal) -> list[str]:
    names = {each.name for each in services.catalogue.all()}
    patterns = {f"{each.partition(':')[0]}:*" for each in names} | {EVERYTHING}
    return sorted(each for each in names | patterns if who.can(each))


async def _ways(services: Services, user: Any) -> list[tuple[str, str, datetime | None]]:
    found = await services.effective.of_user(user.id)
    ways = sorted(found.ways, key=lambda each: (each.granted, len(each.roles)))
    return [(each.granted, _told(each), each.expires_at) for each in ways[:_MOST_WAYS]]


def _told(way: Path) -> str:
    if way.kind == "superuser":
        return "a superuser may do everything"
    return " > ".join(way.roles) if way.kind == "role" else "given by itself"


async def _sections(view: UserView, request: Request, user: Any) -> list[Section]:
    """Where they are signed in, their keys, and what the audit log has of them."""
    now = visit_of(request).services.clock.now()
    sessions: Select[Any] = (
        select(UserSession)
        .where(col(UserSession.user_id) == user.id, col(UserSession.ended_at).is_(None))
        .where(col(UserSession.expires_at) > now)
        .order_by(col(UserSession.last_seen_at).desc())
    )
    keys: Select[Any] = (
        select(ApiKey)
        .where(col(ApiKey.user_id) == user.id, col(ApiKey.revoked_at).is_(None))
        .order_by(col(ApiKey.created_at).desc())
    )
    who = audit.user(user.id)
    themselves = col(AuditEntry.actor) == who
    as_others = col(AuditEntry.actor).startswith(who + audit.AS, autoescape=True)
    newest = select(func.max(col(AuditEntry.number))).scalar_subquery()
    did: Select[Any] = (
        select(AuditEntry)
        # The log is as long as the app is old, and has no index of who did what.
        .where(col(AuditEntry.number) > newest - LOOKED_AT, or_(themselves, as_others))
        .order_by(col(AuditEntry.number).desc())
    )
    found = [
        await section(
            view, request, "sessions", sessions, "user_id",
            ("kind", "address", "user_agent", "created_at", "last_seen_at"),
        ),
        await section(
            view, request, "api-keys", keys, "user_id",
            ("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at"),
        ),
        await section(
            view, request, "audit", did, "actor", ("at", "event", "outcome", "subject", "address"),
            is_part=True, q=who,
        ),
    ]  # fmt: skip
    return [each for each in found if each is not None]


def _is_ahead(moment: datetime | None, services: Services) -> bool:
    return moment is not None and moment > services.clock.now()
