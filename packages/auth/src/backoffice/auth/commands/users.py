"""`backoffice users`: accounts from a shell."""

from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import within_app
from backoffice.auth.commands.holdings import holdings
from backoffice.auth.commands.people import Whom, account, moment, shown
from backoffice.auth.commands.user_changes import changes
from backoffice.auth.commands.user_files import export_users, import_users
from backoffice.auth.directory import Wanted
from backoffice.auth.models import User
from backoffice.auth.services import Services
from backoffice.core.command import Command

users = typer.Typer(help="Accounts: who can sign in.", no_args_is_help=True)


@users.command("list")
def list_users(
    context: typer.Context,
    role: Annotated[str | None, typer.Option(help="Only who was given this role.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only who may, or may not, sign in.")
    ] = None,
    superuser: Annotated[
        bool | None, typer.Option("--superuser/--no-superuser", help="Only who may do everything.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only addresses with this in them.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 1000,
    after: Annotated[str, typer.Option(help="The last address of the page before.")] = "",
) -> None:
    """List accounts in the order of their addresses."""
    wanted = Wanted(role=role, is_active=active, is_superuser=superuser, search=search)

    async def work(services: Services) -> list[dict[str, Any]]:
        # One more than is shown tells whether there is another page.
        found = await services.directory.page(wanted, limit=limit + 1, after=after)
        roles = await services.roles.of_users([each.id for each in found])
        return [shown(each, roles.get(each.id, [])) for each in found]

    rows = within_app(context, work, reads=True)
    columns = ("id", "email", "is_active", "is_superuser", "is_service", "roles", "created_at")
    command = Command.of(context)
    command.give_rows(rows[:limit], columns)
    if len(rows) > limit:
        command.say(f"there are more: --after {rows[limit - 1]['email']}")


@users.command("show")
def show(context: typer.Context, email: Whom) -> None:
    """Show an account: what it may do, and what it was given."""

    async def work(services: Services) -> dict[str, Any]:
        return await _detail(services, await account(services, email))

    answer = within_app(context, work, reads=True)
    command = Command.of(context)
    if command.as_json:
        command.give(answer)
    else:
        rows = [{"field": name, "value": _told(value)} for name, value in answer.items()]
        command.give_rows(rows, ("field", "value"))


async def _detail(services: Services, user: User) -> dict[str, Any]:
    effective = await services.effective.of_user(user.id)
    roles = await services.roles.held_by(user.id)
    grants = await services.grants.of_user(user.id)
    return shown(user, [name for name, _ in roles]) | {
        "locked_until": moment(user.locked_until),
        "password_changed_at": moment(user.password_changed_at),
        "roles_until": {name: moment(until) for name, until in roles if until is not None},
        "grants": {each.permission: moment(each.expires_at) for each in grants},
        "permissions": sorted(effective.permissions),
        "sessions": len(await services.sessions.of_user(user.id)),
        "keys": len(await services.keys.of_user(user.id)),
    }


def _told(value: Any) -> Any:
    """What a table has no cell for, as text."""
    if not isinstance(value, dict):
        return value
    return [name if until is None else f"{name} until {until}" for name, until in value.items()]


users.add_typer(changes)
users.add_typer(holdings)
users.command("import")(import_users)
users.command("export")(export_users)
