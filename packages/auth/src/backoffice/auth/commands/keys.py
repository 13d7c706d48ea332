"""`backoffice keys`: API keys from a shell."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.models import ApiKey
from backoffice.auth.services import Services
from backoffice.core.command import Command, span_of

keys = typer.Typer(help="API keys: how programs act for an account.", no_args_is_help=True)


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
    network: Annotated[
        list[str] | None,
        typer.Option(help="Where it may be used from, as 10.0.0.0/8; repeatable. None: anywhere."),
    ] = None,
    limit: Annotated[str | None, typer.Option(help="How often, as 100/minute.")] = None,
    manages_credentials: Annotated[
        bool,
        typer.Option(
            "--manages-credentials", help="It may make, rotate and end keys and sessions."
        ),
    ] = False,
) -> None:
    """Make a key, and print it this once."""
    span = None if expires is None else span_of(expires)

    async def work(services: Services) -> dict[str, Any]:
        owner = await services.users.find(user)
        expires_at = None if span is None else services.clock.now() + span
        key, text = await services.keys.create(
            owner,
            name,
            scopes=scope or None,
            expires_at=expires_at,
            networks=network or None,
            rate_limit=limit,
            manages_credentials=manages_credentials,
            actor=operator(),
        )
        return _shown_once(key, text)

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
        return [_shown(key) for key in await services.keys.of_user(owner.id)]

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


@keys.command("rotate")
def rotate(
    context: typer.Context,
    id: Annotated[uuid.UUID, typer.Argument(help="The key's id.")],
    overlap: Annotated[
        str, typer.Option(help="How long the old key goes on, as 30m or 1d; 0 ends it at once.")
    ] = "1h",
) -> None:
    """Replace a key by a new one of the same terms, and print that this once."""
    span = timedelta(0) if overlap == "0" else span_of(overlap)

    async def work(services: Services) -> dict[str, Any]:
        old, key, text = await services.keys.rotate(id, overlap=span, actor=operator())
        ends = min(each for each in (old.revoked_at, old.expires_at) if each)
        replaced = {"replaced_id": str(old.id), "replaced_until": _iso(ends)}
        return _shown_once(key, text) | replaced

    answer = within_app(context, work)
    Command.of(context).say(f"the old one goes on until {answer['replaced_until']}")
    Command.of(context).say("keep it: it is not shown again")
    Command.of(context).give(answer, f"{answer['id']}\n{answer['key']}")


@keys.command("prune")
def prune(
    context: typer.Context,
    older_than: Annotated[str, typer.Option(help="How long ago they ended, as 30d.")] = "30d",
) -> None:
    """Delete keys that were revoked or ran out long ago."""
    span = span_of(older_than)

    async def work(services: Services) -> int:
        return await services.keys.prune(span, actor=operator())

    count = within_app(context, work)
    Command.of(context).give({"deleted": count}, f"{count} deleted")


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "networks": key.networks,
        "rate_limit": key.rate_limit,
        "manages_credentials": key.manages_credentials,
        "expires_at": _iso(key.expires_at),
        "last_used_at": _iso(key.last_used_at),
        "successor_id": None if key.successor_id is None else str(key.successor_id),
    }


def _shown_once(key: ApiKey, text: str) -> dict[str, Any]:
    return _shown(key) | {"key": text}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
