"""`backoffice keys`: API keys from a shell."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.commands.people import OfUser, account
from backoffice.auth.key_terms import networks, rate_limit
from backoffice.auth.models import ApiKey, User
from backoffice.auth.services import Services
from backoffice.core import Conflict
from backoffice.core.command import Command, rehearsed, span_of

keys = typer.Typer(help="API keys: how programs act for an account.", no_args_is_help=True)

Name = Annotated[str, typer.Option(help="What the key is for.")]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope", help="A permission that it is kept to; repeatable. None: all of the owner's."
    ),
]
Expires = Annotated[str | None, typer.Option(help="Such as 12h, 30d or 8w.")]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--network", help="Where it may be used from, as 10.0.0.0/8; repeatable. None: anywhere."
    ),
]
Limit = Annotated[str | None, typer.Option(help="How often, as 100/minute.")]
Manages = Annotated[
    bool,
    typer.Option("--manages-credentials", help="It may make, rotate and end keys and sessions."),
]


@dataclass(frozen=True)
class _Terms:
    """What a key may be used for, and from where."""

    scopes: list[str] | None
    networks: list[str] | None
    rate_limit: str | None
    manages_credentials: bool

    def check(self, key: ApiKey) -> None:
        """Conflict for a key of other terms."""
        wanted = {
            "scopes": self.scopes and sorted(set(self.scopes)),
            "networks": networks(self.networks),
            "rate_limit": rate_limit(self.rate_limit),
            "manages_credentials": self.manages_credentials,
        }
        differ = [name for name, value in wanted.items() if getattr(key, name) != value]
        if differ:
            raise Conflict(
                f"the key {key.name!r} has other terms: {', '.join(differ)}; revoke {key.id}, or "
                "ensure one of another name",
                code="key_differs",
            )


async def _made(
    services: Services, owner: User, name: str, terms: _Terms, span: timedelta | None
) -> dict[str, Any]:
    key, text = await services.keys.create(
        owner,
        name,
        expires_at=_end(services, span),
        actor=operator(),
        **asdict(terms),
    )
    return _shown_once(key, text)


@keys.command("create")
@rehearsed
def create(
    context: typer.Context,
    user: OfUser,
    name: Name,
    scope: Scopes = None,
    expires: Expires = None,
    network: Networks = None,
    limit: Limit = None,
    manages_credentials: Manages = False,
) -> None:
    """Make a key, and print it this once."""
    terms = _Terms(scope or None, network or None, limit, manages_credentials)
    span = None if expires is None else span_of(expires)

    async def work(services: Services) -> dict[str, Any]:
        return await _made(services, await account(services, user), name, terms, span)

    _give_once(Command.of(context), within_app(context, work))


@keys.command("ensure")
@rehearsed
def ensure(
    context: typer.Context,
    user: OfUser,
    name: Name,
    scope: Scopes = None,
    expires: Expires = None,
    network: Networks = None,
    limit: Limit = None,
    manages_credentials: Manages = False,
) -> None:
    """Have a key of that name and those terms go on; made, and printed this once, if there is none.

    One that is there is not shown again: only a digest of it is kept. One of other terms is a
    conflict, for a key keeps its terms. --expires is for a key that is made.
    """
    terms = _Terms(scope or None, network or None, limit, manages_credentials)
    span = None if expires is None else span_of(expires)

    async def work(services: Services) -> dict[str, Any]:
        owner = await account(services, user)
        key, text = await services.keys.ensure(
            owner, name, expires_at=_end(services, span), actor=operator(), **asdict(terms)
        )
        if text is not None:
            return _shown_once(key, text) | {"changed": True}
        terms.check(key)
        return _shown(key) | {"changed": False}

    answer, command = within_app(context, work), Command.of(context)
    if answer["changed"]:
        _give_once(command, answer)
    else:
        command.give(answer, f"{answer['id']} goes on; it was shown when it was made")
    command.end(answer["changed"])


@keys.command("list")
def list_keys(context: typer.Context, user: OfUser) -> None:
    """List an account's keys, without their secrets."""

    async def work(services: Services) -> list[dict[str, Any]]:
        owner = await account(services, user)
        return [_shown(key) for key in await services.keys.of_user(owner.id)]

    columns = ("id", "name", "prefix", "scopes", "expires_at", "last_used_at")
    Command.of(context).give_rows(within_app(context, work, reads=True), columns)


@keys.command("revoke")
@rehearsed
def revoke(
    context: typer.Context, id: Annotated[uuid.UUID, typer.Argument(help="The key's id.")]
) -> None:
    """End a key, at once."""

    async def work(services: Services) -> None:
        await services.keys.revoke(id, actor=operator())

    within_app(context, work)
    Command.of(context).give({"id": str(id), "revoked": True}, f"{id} is revoked")


@keys.command("rotate")
@rehearsed
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

    answer, command = within_app(context, work), Command.of(context)
    command.say(f"the old one goes on until {answer['replaced_until']}")
    _give_once(command, answer)


@keys.command("prune")
@rehearsed
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


def _end(services: Services, span: timedelta | None) -> datetime | None:
    return None if span is None else services.clock.now() + span


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


def _give_once(command: Command, answer: dict[str, Any]) -> None:
    if command.dry_run:  # nobody has this key
        command.give({**answer, "id": None, "prefix": None, "key": None}, answer["name"])
        return
    command.say("keep it: it is not shown again")
    command.give(answer, f"{answer['id']}\n{answer['key']}")


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
