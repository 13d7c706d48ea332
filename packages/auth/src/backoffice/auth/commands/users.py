"""`backoffice users`: accounts from a shell."""

from datetime import datetime
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.commands.passwords import FromFile, FromStdin, Generate, chosen_password
from backoffice.auth.commands.roles import give_role, take_role
from backoffice.auth.commands.user_files import export_users, import_users
from backoffice.auth.models import User
from backoffice.auth.services import Services
from backoffice.core import InvalidInput
from backoffice.core.command import Command

users = typer.Typer(help="Accounts: who can sign in.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The account's address.")]
RoleName = Annotated[str, typer.Argument(help="The role's name.")]


def shown(user: User, roles: list[str]) -> dict[str, Any]:
    """A user as the command prints it: never the hash."""
    return {
        "id": str(user.id),
        "email": user.email,
        "is_active": user.is_active,
        "is_superuser": user.is_superuser,
        "is_verified": user.is_verified,
        "is_service": user.is_service,
        "roles": roles,
        "created_at": _moment(user.created_at),
    }


def _moment(moment: datetime | None) -> str | None:
    """None for a user of an adopted table who was there before."""
    return None if moment is None else moment.isoformat(timespec="seconds")


@users.command("create")
def create(
    context: typer.Context,
    email: Email,
    superuser: Annotated[bool, typer.Option("--superuser", help="May do everything.")] = False,
    service: Annotated[
        bool, typer.Option("--service", help="A program's: it has keys, and cannot sign in.")
    ] = False,
    role: Annotated[list[str] | None, typer.Option(help="A role to hold; repeatable.")] = None,
    password_stdin: FromStdin = False,
    password_file: FromFile = None,
    generate: Generate = False,
) -> None:
    """Create an account."""
    sources = password_stdin or generate or password_file is not None
    if service and (superuser or sources):
        raise InvalidInput("a service has no password and is no superuser; give it a --role")
    password, made = (
        ("", False) if service else chosen_password(password_stdin, password_file, generate)
    )

    async def work(services: Services) -> dict[str, Any]:
        # Looked up first: a role that does not exist must not leave half an account.
        names = [(await services.roles.find(name)).name for name in role or ()]
        if service:
            user = await services.users.create_service(email, roles=names, actor=operator())
        else:
            user = await services.users.create(
                email, password, superuser=superuser, roles=names, actor=operator()
            )
        return shown(user, sorted(names))

    answer = within_app(context, work) | ({"password": password} if made else {})
    text = f"{answer['id']}  {answer['email']}" + (f"\npassword: {password}" if made else "")
    Command.of(context).give(answer, text)


@users.command("list")
def list_users(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 1000,
    offset: Annotated[int, typer.Option(min=0, help="How many to pass over.")] = 0,
) -> None:
    """List accounts in the order of their addresses."""

    async def work(services: Services) -> list[dict[str, Any]]:
        found = await services.users.all(limit=limit, offset=offset)
        roles = await services.roles.of_users([each.id for each in found])
        return [shown(each, roles.get(each.id, [])) for each in found]

    rows = within_app(context, work)
    columns = ("id", "email", "is_active", "is_superuser", "is_service", "roles", "created_at")
    Command.of(context).give_rows(rows, columns)


@users.command("set-password")
def set_password(
    context: typer.Context,
    email: Email,
    password_stdin: FromStdin = False,
    password_file: FromFile = None,
    generate: Generate = False,
) -> None:
    """Set an account's password; all its sessions end."""
    password, made = chosen_password(password_stdin, password_file, generate)

    async def work(services: Services) -> User:
        user = await services.users.find(email)
        await services.users.set_password(user.id, password, actor=operator())
        return user

    user = within_app(context, work)
    answer = {"id": str(user.id), "email": user.email}
    if made:
        answer["password"] = password
    text = f"the password of {user.email} is set" + (f"\npassword: {password}" if made else "")
    Command.of(context).give(answer, text)


@users.command("grant")
def grant(context: typer.Context, email: Email, role: RoleName) -> None:
    """Give a role to an account."""
    give_role(context, email, role)


@users.command("revoke")
def revoke(context: typer.Context, email: Email, role: RoleName) -> None:
    """Take a role from an account."""
    take_role(context, email, role)


users.command("import")(import_users)
users.command("export")(export_users)
