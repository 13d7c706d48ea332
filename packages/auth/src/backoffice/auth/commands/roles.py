"""`backoffice roles`: roles and permissions from a shell."""

from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.commands.role_files import role_files
from backoffice.auth.services import Services
from backoffice.core.command import Command

roles = typer.Typer(help="Roles: named sets of permissions.", no_args_is_help=True)
roles.add_typer(role_files)

Name = Annotated[str, typer.Argument(help="The role's name.")]
Permissions = Annotated[list[str], typer.Argument(help="Such as books:read or 'books:*'.")]


@roles.command("create")
def create(
    context: typer.Context,
    name: Name,
    allow: Annotated[list[str] | None, typer.Option(help="A permission; repeatable.")] = None,
    description: Annotated[str, typer.Option(help="What the role is for.")] = "",
) -> None:
    """Create a role."""

    async def work(services: Services) -> dict[str, Any]:
        role = await services.roles.create(
            name, allow or (), description=description, actor=operator()
        )
        held = await services.roles.permissions_of(role.id)
        return {"id": str(role.id), "name": role.name, "permissions": held}

    answer = within_app(context, work)
    Command.of(context).give(answer, f"{answer['id']}  {answer['name']}")


@roles.command("list")
def list_roles(context: typer.Context) -> None:
    """List roles with their permissions."""

    async def work(services: Services) -> list[dict[str, Any]]:
        return [
            {
                "id": str(role.id),
                "name": role.name,
                "description": role.description,
                "permissions": permissions,
            }
            for role, permissions in await services.roles.all()
        ]

    Command.of(context).give_rows(within_app(context, work), ("name", "description", "permissions"))


@roles.command("allow")
def allow(context: typer.Context, name: Name, permissions: Permissions) -> None:
    """Add permissions to a role; those that it has stay as they are."""

    async def work(services: Services) -> list[str]:
        return await services.roles.allow(name, permissions, actor=operator())

    added = within_app(context, work)
    answer = {"name": name, "added": added, "changed": bool(added)}
    text = f"{name} may now {' '.join(added)}" if added else f"{name} had all of it"
    Command.of(context).give(answer, text)


@roles.command("grant")
def grant(
    context: typer.Context,
    name: Name,
    email: Annotated[str, typer.Argument(help="The account's address; in either order.")],
) -> None:
    """Give a role to an account."""
    # No role's name has an @ in it, so that the two cannot be mistaken for each other.
    holder, role = (name, email) if "@" in name else (email, name)
    give_role(context, holder, role)


def give_role(context: typer.Context, email: str, name: str) -> None:
    """Give a role to an account, and say whether it was new."""

    async def work(services: Services) -> bool:
        user = await services.users.find(email)
        return await services.roles.grant(user.id, name, actor=operator())

    changed = within_app(context, work)
    text = f"{email} holds {name}" if changed else f"{email} held {name} already"
    Command.of(context).give({"role": name, "email": email, "changed": changed}, text)


def take_role(context: typer.Context, email: str, name: str) -> None:
    """Take a role from an account, and say whether it was there."""

    async def work(services: Services) -> bool:
        user = await services.users.find(email)
        return await services.roles.revoke(user.id, name, actor=operator())

    changed = within_app(context, work)
    text = f"{email} holds {name} no more" if changed else f"{email} did not hold {name}"
    Command.of(context).give({"role": name, "email": email, "changed": changed}, text)
