"""`backoffice permissions`: what there is to be allowed, who may do it, and why."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import within_app
from backoffice.auth.commands.people import Whom, account
from backoffice.auth.effective import Path
from backoffice.auth.explanations import Explanation, explained, key_of
from backoffice.auth.models import User
from backoffice.auth.services import Services
from backoffice.core.command import REFUSED, Command

permissions = typer.Typer(
    help="Permissions: what the app knows, and who may do it.", no_args_is_help=True
)

#: Permissions that the app knows no more, and that somebody holds still.
MOST_UNKNOWN = 10_000
Permission = Annotated[str, typer.Argument(help="Such as books:read.")]


@permissions.command("list")
def list_permissions(context: typer.Context) -> None:
    """List the permissions that the app knows, and what knows them."""

    async def work(services: Services) -> list[dict[str, Any]]:
        return [asdict(each) for each in services.catalogue.all()]

    rows = within_app(context, work, reads=True)
    Command.of(context).give_rows(rows, ("name", "description", "source"))


@permissions.command("who-can")
def who_can(
    context: typer.Context,
    permission: Permission,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 100,
    after: Annotated[str, typer.Option(help="The last address of the page before.")] = "",
) -> None:
    """List the accounts that may do it now, and the shortest way by which each may."""

    async def work(services: Services) -> list[dict[str, Any]]:
        # Of what code asked for once, it says who is to lose it.
        if permission not in await services.effective.unknown(MOST_UNKNOWN):
            services.catalogue.checked(permission)
        found = await services.effective.who_can(permission, limit, after)
        return [await _holder(services, each, permission) for each in found]

    rows = within_app(context, work, reads=True)
    command = Command.of(context)
    command.give_rows(rows, ("id", "email", "is_service", "by"))
    if len(rows) == limit:
        command.say(f"there may be more: --after {rows[-1]['email']}")


@permissions.command("explain")
def explain(
    context: typer.Context,
    user: Whom,
    permission: Permission,
    key: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="By that API key of the account.")
    ] = None,
) -> None:
    """Say by what somebody may do it, or why they may not; exit code 1 if they may not."""

    async def work(services: Services) -> tuple[User, Explanation]:
        found = await account(services, user)
        used = None if key is None else await key_of(services, found, key)
        return found, await explained(services, found, permission, used)

    who, found = within_app(context, work, reads=True)
    answer = {
        "id": str(who.id),
        "email": who.email,
        "permission": permission,
        "key": key,
        "allowed": found.allowed,
        "ways": [_way(each) for each in found.ways],
        "reasons": [asdict(each) for each in found.reasons],
        "nearest": found.nearest,
    }
    Command.of(context).give(answer, "\n".join(_lines(who, permission, found)))
    if not found.allowed:
        raise typer.Exit(REFUSED)


async def _holder(services: Services, user: User, permission: str) -> dict[str, Any]:
    ways = (await services.effective.of_user(user.id)).paths(permission)
    return {
        "id": str(user.id),
        "email": user.email,
        "is_service": user.is_service,
        "by": told(ways[0]) if ways else None,
        "ways": [_way(each) for each in ways],
    }


def _lines(who: User, permission: str, found: Explanation) -> list[str]:
    may = "yes" if found.allowed else "no"
    head = f"{may}: {who.email} may {'' if found.allowed else 'not '}{permission}"
    ways = [f"  by {told(each)}" for each in found.ways]
    reasons = [f"  {each.message}" for each in found.reasons]
    return [head, *([] if found.allowed else reasons), *ways]


def told(way: Path) -> str:
    """A way in words: `role editor > reader, which has books:*, until 2027-01-31`."""
    until = f", until {way.expires_at:%Y-%m-%d %H:%M:%S} UTC" if way.expires_at else ""
    if way.kind == "superuser":
        return "being a superuser"
    if way.kind == "direct":
        return f"a grant of {way.granted}{until}"
    return f"role {' > '.join(way.roles)}, which has {way.granted}{until}"


def _way(way: Path) -> dict[str, Any]:
    expires_at = None if way.expires_at is None else way.expires_at.isoformat()
    return {**asdict(way), "roles": list(way.roles), "expires_at": expires_at}
