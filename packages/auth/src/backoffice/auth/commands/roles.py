"""`backoffice roles`: roles and permissions from a shell."""

from typing import Annotated, Any

import typer
from anyio import to_thread
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import role_records
from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.commands.people import account, moment
from backoffice.auth.commands.role_files import role_files
from backoffice.auth.commands.role_views import Name, role_views, shown
from backoffice.auth.models import Role
from backoffice.auth.permissions import grants
from backoffice.auth.role_files.presentation import counted
from backoffice.auth.role_files.standing import holder_counts
from backoffice.auth.services import Services
from backoffice.core import NotFound
from backoffice.core.command import Command, rehearsed, span_of

roles = typer.Typer(help="Roles: named sets of permissions.", no_args_is_help=True)
roles.add_typer(role_files)
roles.add_typer(role_views)

Permissions = Annotated[list[str], typer.Argument(help="Such as books:read or 'books:*'.")]
Others = Annotated[list[str], typer.Argument(help="The names of the other roles.")]
Allow = Annotated[list[str] | None, typer.Option(help="A permission; repeatable.")]
Include = Annotated[
    list[str] | None, typer.Option(help="A role whose permissions it has as well; repeatable.")
]


@roles.command("create")
@rehearsed
def create(
    context: typer.Context,
    name: Name,
    allow: Allow = None,
    include: Include = None,
    description: Annotated[str, typer.Option(help="What the role is for.")] = "",
) -> None:
    """Create a role."""

    async def work(services: Services) -> dict[str, Any]:
        async with services.database.session() as session:
            role = await services.roles.create_in(
                session,
                name,
                allow or (),
                includes=include or (),
                description=description,
                actor=operator(),
            )
            answer = await shown(session, role)
            await session.commit()
        return answer

    answer = within_app(context, work)
    Command.of(context).give(answer, f"{answer['id']}  {answer['name']}")


@roles.command("ensure")
@rehearsed
def ensure(
    context: typer.Context,
    name: Name,
    allow: Allow = None,
    include: Include = None,
    description: Annotated[
        str | None, typer.Option(help="What the role is for; without it as it is.")
    ] = None,
) -> None:
    """Create a role unless it is there, and add what it lacks; nothing is taken from it."""

    async def work(services: Services) -> dict[str, Any]:
        async with services.administrators.changing_roles() as session:
            role, created = await _found_or_made(services, session, name)
            held = await role_records.permissions(session, role.id)
            included = await role_records.included(session, role.id)
            changes = await services.roles.change_in(
                session,
                role,
                description=description,
                permissions=held.union(allow or ()),
                includes=included.union(include or ()),
                actor=operator(),
            )
            answer = await shown(session, role)
        return answer | {"created": created, "changed": created or bool(changes)}

    answer = within_app(context, work)
    command = Command.of(context)
    told = "made" if answer["created"] else "changed" if answer["changed"] else "so already"
    command.give(answer, f"{name} is {told}")
    command.end(answer["changed"])


@roles.command("delete")
@rehearsed
def delete(context: typer.Context, name: Name) -> None:
    """Delete a role; who held it loses what it allowed, on the next request."""
    command = Command.of(context)

    async def work(services: Services) -> dict[str, Any]:
        async with services.database.session() as session:
            role = await role_records.named(session, name)
            count = (await holder_counts(session, [name], services.clock.now())).get(name, 0)
        holders = counted(count, "account") if count else "nobody"
        # Whoever is asked may take a while.
        await to_thread.run_sync(command.confirm, f"Delete the role {name}, held by {holders}?")
        await services.roles.delete(role.id, actor=operator())
        return {"name": name, "deleted": True, "held_by": count}

    command.give(within_app(context, work), f"{name} is deleted")


@roles.command("allow")
@rehearsed
def allow(context: typer.Context, name: Name, permissions: Permissions) -> None:
    """Add permissions to a role; those that it has stay as they are."""

    async def work(services: Services) -> list[str]:
        return await services.roles.allow(name, permissions, actor=operator())

    added = within_app(context, work)
    told = f"{name} may now {' '.join(added)}" if added else f"{name} had all of it"
    _give(context, {"name": name, "added": added, "changed": bool(added)}, told)


@roles.command("deny")
@rehearsed
def deny(context: typer.Context, name: Name, permissions: Permissions) -> None:
    """Take permissions from a role; tells what it allows by others all the same."""
    unwanted = role_records.all_parsed(permissions)

    async def work(services: Services) -> tuple[list[str], list[str]]:
        gone = await services.roles.deny(name, unwanted, actor=operator())
        role = await services.roles.find(name)
        left = (await services.effective.of_roles([role.id])).get(role.id, frozenset())
        return gone, sorted(each for each in unwanted if grants(left, each))

    gone, left = within_app(context, work)
    told = f"{name} may no more {' '.join(gone)}" if gone else f"{name} had none of it"
    if left:
        Command.of(context).say(f"{name} still allows {' '.join(left)}: `roles show {name}`")
    _give(context, {"name": name, "removed": gone, "left": left, "changed": bool(gone)}, told)


@roles.command("include")
@rehearsed
def include(context: typer.Context, name: Name, others: Others) -> None:
    """Let a role include others: who holds it may do all that those allow."""

    async def work(services: Services) -> list[str]:
        return await services.roles.include(name, others, actor=operator())

    added = within_app(context, work)
    told = f"{name} now includes {', '.join(added)}" if added else f"{name} included all of it"
    _give(context, {"name": name, "added": added, "changed": bool(added)}, told)


@roles.command("exclude")
@rehearsed
def exclude(context: typer.Context, name: Name, others: Others) -> None:
    """Let a role include others no more."""

    async def work(services: Services) -> list[str]:
        return await services.roles.exclude(name, others, actor=operator())

    gone = within_app(context, work)
    told = f"{name} includes no more {', '.join(gone)}" if gone else f"{name} included none of it"
    _give(context, {"name": name, "removed": gone, "changed": bool(gone)}, told)


@roles.command("grant")
@rehearsed
def grant(
    context: typer.Context,
    name: Name,
    email: Annotated[str, typer.Argument(help="The account's address; in either order.")],
    expires: Annotated[str | None, typer.Option(help="How long, such as 12h, 30d or 8w.")] = None,
) -> None:
    """Give a role to an account."""
    # No role's name has an @ in it, so that the two cannot be mistaken for each other.
    holder, role = (name, email) if "@" in name else (email, name)
    span = None if expires is None else span_of(expires)

    async def work(services: Services) -> dict[str, Any]:
        user = await account(services, holder)
        until = None if span is None else services.clock.now() + span
        changed = await services.roles.grant(user.id, role, until, actor=operator())
        return {"role": role, "email": user.email, "changed": changed, "expires_at": moment(until)}

    answer = within_app(context, work)
    told = "holds" if answer["changed"] else "held"
    _give(context, answer, f"{holder} {told} {role}{'' if answer['changed'] else ' already'}")


def _give(context: typer.Context, answer: dict[str, Any], text: str) -> None:
    command = Command.of(context)
    command.give(answer, text)
    command.end(answer["changed"])


async def _found_or_made(services: Services, session: AsyncSession, name: str) -> tuple[Role, bool]:
    try:
        return await role_records.named(session, name), False
    except NotFound:
        return await services.roles.create_in(session, name, actor=operator()), True
