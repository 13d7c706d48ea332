"""`backoffice keys`: API keys from a shell."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.services import Services
from backoffice.core import InvalidInput
from backoffice.core.command import Command

keys = typer.Typer(help="API keys: how programs act for an account.", no_args_is_help=True)

_SPAN = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@keys.command("create")
def create(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="The address of the account to act for.")],
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="A permission that it is kept to; repeatable. None: all of the owner's."),
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Such as 12h, 30d or 8w.")] = None,
) -> None:
    """Make a key, and print it this once."""
    span = None if expires is None else _span(expires)

    async def work(services: Services) -> dict[str, Any]:
        owner = await services.users.find(user)
        expires_at = None if span is None else services.clock.now() + span
        key, text = await services.keys.create(
            owner, name, scopes=scope, expires_at=expires_at, actor=operator()
        )
        return {
            "id": str(key.id),
            "name": key.name,
            "key": text,
            "scopes": key.scopes,
            "expires_at": _iso(key.expires_at),
        }

    answer = within_app(context, work)
    Command.of(context).say("keep it: it is not shown again")
    Command.of(context).give(answer, f"{answer['id']}\n{answer['key']}")


@keys.command("list")
def list_keys(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="The address of the account.")],
) -> None:
    """List an account's keys, without their secrets."""

    async def work(services: Services) -> list[dict[str, Any]]:
        owner = await services.users.find(user)
        return [
            {
                "id": str(key.id),
                "name": key.name,
                "prefix": key.prefix,
                "scopes": key.scopes,
                "expires_at": _iso(key.expires_at),
                "last_used_at": _iso(key.last_used_at),
            }
            for key in await services.keys.of_user(owner.id)
        ]

    columns = ("id", "name", "prefix", "scopes", "expires_at", "last_used_at")
    Command.of(context).give_rows(within_app(context, work), columns)


@keys.command("revoke")
def revoke(
    context: typer.Context, id: Annotated[uuid.UUID, typer.Argument(help="The key's id.")]
) -> None:
    """End a key, at once."""

    async def work(services: Services) -> None:
        await services.keys.revoke(id, actor=operator())

    within_app(context, work)
    Command.of(context).give({"id": str(id), "revoked": True}, f"{id} is revoked")


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise InvalidInput(f"{text!r} is no span of time; write 30m, 12h, 30d or 8w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
