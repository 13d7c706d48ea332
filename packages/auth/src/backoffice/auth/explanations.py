"""Why somebody may do something, or may not, and what would change that."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import col, select

from backoffice.auth.effective import Path, patterns_of
from backoffice.auth.models import WHOLE_APP, ApiKey, Role, User, UserPermission, UserRole
from backoffice.auth.permissions import grants
from backoffice.auth.services import Services
from backoffice.core import InvalidInput, NotFound

#: Roles that are named as those that would do.
_NEAREST = 3


@dataclass(frozen=True)
class Reason:
    """Why not; `code` is for programs."""

    code: str
    message: str


@dataclass(frozen=True)
class Explanation:
    """Whether it is allowed: by these ways, or not for these reasons."""

    ways: list[Path]
    reasons: list[Reason] = field(default_factory=list)
    #: Roles that would grant it, the narrowest first, where no way does.
    nearest: list[str] = field(default_factory=list)

    @property
    def allowed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


async def explained(
    services: Services, user: User, permission: str, key: ApiKey | None = None
) -> Explanation:
    """Whether that user may do it, by that key if there is one, and by what.

    InvalidInput for a permission that the app does not know.
    """
    services.catalogue.checked(permission)
    ways = (await services.effective.of_user(user.id)).paths(permission)
    reasons = _of_account(user, services.clock.now())
    nearest: list[str] = []
    if not ways:
        nearest = await _nearest(services, permission)
        reasons += [*await _ended(services, user, permission), _not_granted(permission, nearest)]
    if key is not None:
        reasons += _of_key(services, key, permission)
    return Explanation(ways, reasons, nearest)


async def key_of(services: Services, user: User, prefix: str) -> ApiKey:
    """The key of that user which begins so, ended or not; NotFound."""
    query = select(ApiKey).where(ApiKey.prefix == prefix, ApiKey.user_id == user.id)
    async with services.database.session() as session:
        found = (await session.exec(query)).one_or_none()
    if found is None:
        if prefix.count("_") > 1:
            raise InvalidInput("give the key's prefix alone, as `keys list` shows it")
        raise NotFound(f"{user.email} has no key {prefix!r}; `backoffice keys list` shows theirs")
    return found


def _of_account(user: User, now: datetime) -> list[Reason]:
    found = []
    if not user.is_active:
        remedy = f"backoffice users activate {user.email}"
        found.append(Reason("inactive", f"the account is deactivated: {remedy}"))
    if user.locked_until is not None and user.locked_until > now:
        remedy = f"backoffice users unlock {user.email}"
        until = f"{user.locked_until:%Y-%m-%d %H:%M:%S} UTC"
        found.append(Reason("locked", f"the account is locked until {until}: {remedy}"))
    return found


def _of_key(services: Services, key: ApiKey, permission: str) -> list[Reason]:
    found = []
    now = services.clock.now()
    if key.revoked_at is not None and key.revoked_at <= now:
        found.append(Reason("key_revoked", f"the key was revoked at {key.revoked_at:%Y-%m-%d}"))
    elif not services.keys.alive(key):
        found.append(Reason("key_expired", f"the key ran out at {key.expires_at:%Y-%m-%d}"))
    if key.scopes is not None and not grants(frozenset(key.scopes), permission):
        kept_to = ", ".join(key.scopes) or "nothing"
        found.append(Reason("key_scope", f"the key is kept to {kept_to}"))
    return found


def _not_granted(permission: str, nearest: list[str]) -> Reason:
    if not nearest:
        remedy = f"backoffice roles allow ROLE {permission}"
        return Reason("no_role", f"no role has it, and no grant of their own: {remedy}")
    return Reason("not_granted", f"no role of theirs has it; {', '.join(nearest)} would grant it")


async def _nearest(services: Services, permission: str) -> list[str]:
    allowed = await services.effective.of_roles()
    names = {role.id: role.name for role, _ in await services.roles.all()}
    granting = [
        (len(held), names[id])
        for id, held in allowed.items()
        if id in names and grants(held, permission)
    ]
    return [name for _, name in sorted(granting)[:_NEAREST]]


async def _ended(services: Services, user: User, permission: str) -> list[Reason]:
    """What they had it by, until it ran out."""
    now = services.clock.now()
    roles = (
        select(Role.id, Role.name, UserRole.expires_at)
        .join(UserRole, col(UserRole.role_id) == col(Role.id))
        .where(UserRole.user_id == user.id, UserRole.scope == WHOLE_APP)
        .where(col(UserRole.expires_at) <= now)
        .order_by(col(Role.name))
    )
    direct = (
        select(UserPermission.permission, UserPermission.expires_at)
        .where(UserPermission.user_id == user.id, UserPermission.scope == WHOLE_APP)
        .where(col(UserPermission.permission).in_(patterns_of(permission)))
        .where(col(UserPermission.expires_at) <= now)
        .order_by(col(UserPermission.permission))
    )
    async with services.database.session() as session:
        held = (await session.exec(roles)).all()
        given = (await session.exec(direct)).all()
    allowed = await services.effective.of_roles([id for id, _, _ in held]) if held else {}
    ended = [
        *(
            (f"the role {name}", at)
            for id, name, at in held
            if grants(allowed.get(id, frozenset()), permission)
        ),
        *((f"the grant of {each}", at) for each, at in given),
    ]
    return [
        Reason("expired", f"{what} ran out at {at:%Y-%m-%d %H:%M:%S} UTC") for what, at in ended
    ]
