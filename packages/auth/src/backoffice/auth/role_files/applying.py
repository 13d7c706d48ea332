"""Planning and applying a file of roles, by the same services as everything else."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import role_records
from backoffice.auth.administrators import refusal
from backoffice.auth.role_files import differences, foresight
from backoffice.auth.role_files.changes import (
    Allowed,
    Change,
    Created,
    Deleted,
    Denied,
    Described,
    Excluded,
    Given,
    Granted,
    Included,
    Revoked,
    Taken,
)
from backoffice.auth.role_files.differences import Difference, difference
from backoffice.auth.role_files.documents import Document, Fault
from backoffice.auth.role_files.reading import terms
from backoffice.auth.role_files.standing import (
    Standing,
    everything,
    holder_counts,
    standing,
    together,
)
from backoffice.auth.role_files.terms import Terms
from backoffice.auth.roles import Roles
from backoffice.auth.row_locks import freeze, hold_users
from backoffice.auth.services import Services
from backoffice.core import Conflict, InvalidInput


@dataclass(frozen=True)
class Plan:
    """What there is to do, and how many hold the roles that it is about."""

    difference: Difference
    held_by: Mapping[str, int]

    @property
    def deleted(self) -> set[str]:
        """The roles that go."""
        return {each.role for each in self.difference.changes if isinstance(each, Deleted)}


async def plan(services: Services, document: Document, *, prune: bool = False) -> Plan:
    """What `apply` would do, by reading alone.

    InvalidInput for a file that cannot be applied, Conflict `last_administrator` for one that would
    leave nobody to run the back office.
    """
    wanted = terms(document)
    async with services.database.session() as session:
        await freeze(session)
        planned, held = await _planned(services, session, document, wanted, prune)
        if lost := await foresight.lost(services, session, held, wanted, prune=prune):
            raise refusal(lost)
    return planned


async def apply(
    services: Services,
    document: Document,
    *,
    prune: bool = False,
    deleting: Collection[str] | None = None,
    actor: str,
) -> Plan:
    """Make the database be as the file says, whole or not at all; what was done.

    `prune` deletes roles that the file does not name: `deleting` is which of them may go, unless
    all may. Conflict `last_administrator` where nobody would be left to run the back office.
    """
    wanted = terms(document)
    async with services.database.session() as session:
        planned, _ = await _planned(services, session, document, wanted, prune)
    if not planned.difference.changes:
        # It may be so since just now, by somebody who still waits for it to hold.
        await services.revocations.settled()
        return planned
    async with services.administrators.changing_roles() as session:
        planned, held = await _planned(services, session, document, wanted, prune)
        if deleting is not None and not planned.deleted <= set(deleting):
            raise Conflict(
                "somebody else has made a role just now, which would be deleted; look again",
                code="role_changed_meanwhile",
            )
        await _Doing(services, session, held, wanted, actor).all(planned.difference)
    return planned


async def export(services: Services, *, holders: bool = False) -> Terms:
    """What is; with `holders` also who holds what."""
    async with services.database.session() as session:
        await freeze(session)
        now = services.clock.now()
        return await everything(session, services.records, now, holders=holders)


async def _planned(
    services: Services, session: AsyncSession, document: Document, wanted: Terms, prune: bool
) -> tuple[Plan, Standing]:
    now = services.clock.now()
    held = await standing(session, services.records, wanted, now)
    found = difference(held.terms, wanted, now, prune=prune)
    faults = [
        *differences.faults(held.terms, wanted, prune=prune),
        *_nobody(wanted, held),
        *_unknown(services, found.changes),
    ]
    if faults:
        raise document.refusal(faults)
    about = {role for each in found.changes if (role := getattr(each, "role", ""))}
    return Plan(found, await holder_counts(session, about, now)), held


def _nobody(wanted: Terms, held: Standing) -> Iterator[Fault]:
    places = [
        *((("roles", name, "holders"), role.holders or {}) for name, role in wanted.roles.items()),
        (("users",), wanted.users),
    ]
    for path, addresses in places:
        for each in addresses:
            count = len(held.users.get(each, ()))
            where = (*path, each) if path == ("users",) else path
            if count != 1:
                many = "several users have" if count else "no user has"
                yield Fault(where, f"{many} the address {each}", each)


def _unknown(services: Services, changes: Collection[Change]) -> Iterator[Fault]:
    """New permissions that the app does not know; those that are held may be of code that went."""
    for each in changes:
        if isinstance(each, Allowed | Given):
            whose = ("roles", each.role) if isinstance(each, Allowed) else ("users", each.user)
            try:
                services.catalogue.checked(each.permission)
            except InvalidInput as error:
                yield Fault((*whose, "permissions"), error.message, each.permission)


@dataclass(frozen=True)
class _Doing:
    services: Services
    session: AsyncSession
    held: Standing
    wanted: Terms
    actor: str
    #: Roles that were made or changed by now, and those whose inclusions were added.
    changed: set[str] = field(default_factory=set)
    included: set[str] = field(default_factory=set)

    async def all(self, found: Difference) -> None:
        """Every change in its order; what is changed of one role, at once."""
        await self._hold({user for each in found.changes if (user := getattr(each, "user", ""))})
        for each in found.changes:
            match each:
                case Created(role):
                    await self._create(role)
                case Described() | Allowed() | Denied() | Excluded():
                    await self._change(each.role)
                case Included(role):
                    await self._include(role)
                case Deleted(role):
                    existing = await role_records.named(self.session, role)
                    await self._roles.delete_in(self.session, existing, actor=self.actor)
                case _:
                    await self._of_user(each)

    @property
    def _roles(self) -> Roles:
        return self.services.roles

    async def _hold(self, addresses: Collection[str]) -> None:
        """In the order in which others hold them, before anything that hangs on them is written."""
        ids = sorted(self.held.users[each][0] for each in addresses)
        user = self.services.records.user
        for some in together(ids):
            await hold_users(self.session, self.services.records, col(user.id).in_(some))

    async def _create(self, name: str) -> None:
        role = self.wanted.roles[name]
        await self._roles.create_in(
            self.session,
            name,
            sorted(role.permissions),
            description=role.description,
            actor=self.actor,
        )
        self.changed.add(name)

    async def _change(self, name: str) -> None:
        if name in self.changed:
            return
        self.changed.add(name)
        role, before = self.wanted.roles[name], self.held.terms.roles[name]
        await self._roles.change_in(
            self.session,
            await role_records.named(self.session, name),
            description=role.description,
            permissions=sorted(role.permissions),
            # What is added may close a circle with what another role includes until then.
            includes=sorted(role.includes & before.includes),
            actor=self.actor,
        )

    async def _include(self, name: str) -> None:
        if name not in self.included:
            self.included.add(name)
            role = await role_records.named(self.session, name)
            includes = sorted(self.wanted.roles[name].includes)
            await self._roles.change_in(self.session, role, includes=includes, actor=self.actor)

    async def _of_user(self, change: Change) -> None:
        session, grants, by = self.session, self.services.grants, self.actor
        match change:
            case Granted(role, user, ends):
                await self._roles.add_to(session, self._id(user), role, ends, actor=by)
            case Revoked(role, user):
                await self._roles.take_from(session, self._id(user), role, actor=by)
            case Given(user, permission, ends):
                await grants.add_to(session, self._id(user), permission, ends, actor=by)
            case Taken(user, permission):
                await grants.take_from(session, self._id(user), permission, actor=by)

    def _id(self, address: str) -> UUID:
        return self.held.users[address][0]
