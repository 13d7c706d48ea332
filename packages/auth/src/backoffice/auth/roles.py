"""Roles: named sets of permissions and of other roles; `holders.py` has who holds them."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit, role_records
from backoffice.auth.administrators import Administrators
from backoffice.auth.catalogue import Catalogue
from backoffice.auth.events import RoleChanged
from backoffice.auth.holders import Holders
from backoffice.auth.models import Role
from backoffice.auth.remembered import EVERYBODY
from backoffice.auth.revocations import Revocations
from backoffice.auth.role_records import existing, named, undisturbed
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, Events


class Roles(Holders):
    """The roles of the app, and who holds them."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        revocations: Revocations,
        records: UserRecords,
        administrators: Administrators,
        catalogue: Catalogue,
    ) -> None:
        super().__init__(database, events, clock, revocations, records, administrators)
        self._catalogue = catalogue

    async def create(
        self,
        name: str,
        permissions: Iterable[str] = (),
        *,
        includes: Iterable[str] = (),
        description: str = "",
        actor: str,
    ) -> Role:
        """Create a role with these permissions that includes these others.

        Conflict if there is one of that name; InvalidInput for a permission that the app does not
        know; NotFound for a role to include that there is not.
        """
        async with self._database.session() as session:
            role = await self.create_in(
                session,
                name,
                permissions,
                includes=includes,
                description=description,
                actor=actor,
            )
            await session.commit()
        return role

    async def create_in(
        self,
        session: AsyncSession,
        name: str,
        permissions: Iterable[str] = (),
        *,
        includes: Iterable[str] = (),
        description: str = "",
        actor: str,
    ) -> Role:
        """`create`, in the transaction given."""
        wanted = self._known(permissions)
        role = Role(
            name=role_records.checked_name(name),
            description=role_records.checked_description(description),
        )
        session.add(role)
        await role_records.flushed(session, role)
        role_records.allow(session, role, sorted(wanted))
        await role_records.include(session, role, set(includes))
        await self._tell(session, role, "created", actor)
        return role

    async def find(self, name: str) -> Role:
        """The role of that name; NotFound if there is none."""
        async with self._database.session() as session:
            return await named(session, name)

    async def get(self, id: uuid.UUID) -> Role:
        """The role of that id; NotFound if there is none."""
        async with self._database.session() as session:
            return await existing(session, id)

    async def all(
        self, *, limit: int | None = None, after: str = ""
    ) -> list[tuple[Role, list[str]]]:
        """Every role with the permissions that it has by itself, both in order.

        With a limit, the first of those after that name.
        """
        query = select(Role).where(Role.name > after).order_by(col(Role.name)).limit(limit)
        async with self._database.session() as session:
            roles = (await session.exec(query)).all()
            shown = None if limit is None else [each.id for each in roles]
            held = await role_records.permissions_by_role(session, shown)
        return [(role, held.get(role.id, [])) for role in roles]

    async def permissions_of(self, id: uuid.UUID) -> list[str]:
        """The permissions that a role has by itself, in order."""
        async with self._database.session() as session:
            return sorted(await role_records.permissions(session, id))

    async def included_in(self, id: uuid.UUID) -> list[str]:
        """The names of the roles that a role includes by itself, in order."""
        async with self._database.session() as session:
            return sorted(await role_records.included(session, id))

    async def inclusions(self) -> dict[uuid.UUID, list[str]]:
        """The names of the roles that each includes by itself; roles with none are left out."""
        async with self._database.session() as session:
            return dict(await role_records.inclusions_by_role(session))

    async def allow(self, name: str, permissions: Iterable[str], *, actor: str) -> list[str]:
        """Add permissions to a role; gives those it did not have."""
        async with self._database.session() as session:
            role = await named(session, name)
            wanted = self._known(permissions)
            added = sorted(wanted - await role_records.permissions(session, role.id))
            role_records.allow(session, role, added)
            await self._commit(session, role, "allowed", added, actor)
        return added

    async def deny(self, name: str, permissions: Iterable[str], *, actor: str) -> list[str]:
        """Take permissions from a role; gives those it had."""
        async with self._database.session() as session:
            role = await named(session, name)
            unwanted = role_records.all_parsed(permissions)
            async with self._administrators.left(session):
                gone = sorted(unwanted & await role_records.permissions(session, role.id))
                await role_records.deny(session, role, gone)
            await self._commit(session, role, "denied", gone, actor)
        return gone

    async def include(self, name: str, others: Iterable[str], *, actor: str) -> list[str]:
        """Let a role include others: who holds it may do all that those allow.

        Gives those that it did not include by itself. Conflict `role_circle` where one of them
        includes the role already, at any depth.
        """
        async with self._database.session() as session:
            role = await named(session, name)
            added = set(others) - await role_records.included(session, role.id)
            await role_records.include(session, role, added)
            await self._commit(session, role, "includes", sorted(added), actor)
        return sorted(added)

    async def exclude(self, name: str, others: Iterable[str], *, actor: str) -> list[str]:
        """Let a role include others no more; gives those that it did."""
        async with self._database.session() as session:
            role = await named(session, name)
            wanted = {each.name for each in await role_records.all_named(session, others)}
            async with self._administrators.left(session):
                gone = sorted(wanted & await role_records.included(session, role.id))
                await role_records.exclude(session, role, gone)
            await self._commit(session, role, "excludes", gone, actor)
        return gone

    async def change(
        self,
        id: uuid.UUID,
        *,
        name: str | None = None,
        description: str | None = None,
        permissions: Iterable[str] | None = None,
        includes: Iterable[str] | None = None,
        seen: Mapping[str, Any] | None = None,
        actor: str,
    ) -> Role:
        """Rename a role, describe it, give it exactly these permissions, let it include exactly
        these others: all at once, or nothing.

        What is None stays as it is. Conflict if the name is taken, and where the role is not as
        `seen` any more: its name, description, `permissions` and `includes`, as whoever decides on
        the change knows them.
        """
        async with self._database.session() as session:
            role = await existing(session, id)
            async with self._administrators.left(session):
                if seen is not None:
                    await role_records.check_seen(session, role, seen)
                changes = await self.change_in(
                    session,
                    role,
                    name=name,
                    description=description,
                    permissions=permissions,
                    includes=includes,
                    actor=actor,
                )
            await self._hold_everywhere(session, role, changes)
        return role

    async def change_in(
        self,
        session: AsyncSession,
        role: Role,
        *,
        name: str | None = None,
        description: str | None = None,
        permissions: Iterable[str] | None = None,
        includes: Iterable[str] | None = None,
        actor: str,
    ) -> list[str]:
        """`change`, in the transaction given: what was changed. Commit it by
        `Revocations.commit(session, EVERYBODY)`."""
        changes = []
        async with undisturbed(session, role.name):
            if (name, description) != (None, None):
                changes += await _described(session, role, name, description)
            if permissions is not None:
                changes += await self._set_permissions(session, role, permissions)
            if includes is not None:
                changes += await _set_included(session, role, set(includes))
        if changes:
            await self._tell(session, role, ", ".join(changes), actor)
        return changes

    async def delete(self, id: uuid.UUID, *, actor: str) -> None:
        """Delete a role; who held it loses what it granted on the next request."""
        async with self._database.session() as session:
            role = await existing(session, id)
            async with self._administrators.left(session):
                await self.delete_in(session, role, actor=actor)
            await self._hold_everywhere(session, role, ["deleted"])

    async def delete_in(self, session: AsyncSession, role: Role, *, actor: str) -> None:
        """`delete`, in the transaction given; commit it as `change_in`."""
        await role_records.deleted(session, role)
        await self._tell(session, role, "deleted", actor)

    def _known(self, permissions: Iterable[str]) -> set[str]:
        return {self._catalogue.checked(each) for each in permissions}

    async def _set_permissions(
        self, session: AsyncSession, role: Role, permissions: Iterable[str]
    ) -> list[str]:
        wanted = role_records.all_parsed(permissions)
        held = await role_records.permissions(session, role.id)
        # Those that it has may be known no more: that is no reason to keep the others as they are.
        role_records.allow(session, role, sorted(self._known(wanted - held)))
        await role_records.deny(session, role, held - wanted)
        return _differences("allowed", wanted - held, "denied", held - wanted)

    async def _commit(
        self, session: AsyncSession, role: Role, how: str, what: Collection[str], actor: str
    ) -> None:
        if what:
            await self._tell(session, role, f"{how} {' '.join(what)}", actor)
        await self._hold_everywhere(session, role, what)

    async def _tell(self, session: AsyncSession, role: Role, change: str, actor: str) -> None:
        event = RoleChanged(actor=actor, subject=audit.role(role.name), change=change)
        async with undisturbed(session, role.name):
            await session.flush()
            await self._events.emit(event, session)

    async def _hold_everywhere(
        self, session: AsyncSession, role: Role, changes: Collection[str]
    ) -> None:
        """Commit what was changed, and come back once it holds in every process."""
        if not changes:
            # It may be so since just now, by somebody who still waits for it to hold.
            await self._revocations.settled()
            return
        async with undisturbed(session, role.name):
            await self._revocations.commit(session, EVERYBODY)


async def _described(
    session: AsyncSession, role: Role, name: str | None, description: str | None
) -> list[str]:
    role.name = role.name if name is None else role_records.checked_name(name)
    if description is not None:
        role.description = role_records.checked_description(description)
    described = session.is_modified(role)
    await role_records.flushed(session, role)
    return ["described"] if described else []


async def _set_included(session: AsyncSession, role: Role, wanted: set[str]) -> list[str]:
    held = await role_records.included(session, role.id)
    await role_records.exclude(session, role, held - wanted)
    await role_records.include(session, role, wanted - held)
    return _differences("includes", wanted - held, "excludes", held - wanted)


def _differences(added: str, more: set[str], taken: str, less: set[str]) -> list[str]:
    """In the words of the verbs that do one of them alone."""
    return [
        f"{how} {' '.join(sorted(what))}" for how, what in ((added, more), (taken, less)) if what
    ]
