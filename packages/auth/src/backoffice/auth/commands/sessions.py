"""`backoffice sessions`: who is signed in, and ending that."""

import uuid
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.commands.people import OfUser, account, moment
from backoffice.auth.models import UserSession
from backoffice.auth.services import Services
from backoffice.auth.sessions import Client
from backoffice.core import InvalidInput
from backoffice.core.command import Command, rehearsed

sessions = typer.Typer(help="Sessions: who is signed in, from where.", no_args_is_help=True)


@sessions.command("list")
def list_sessions(context: typer.Context, user: OfUser) -> None:
    """List an account's sessions that are alive, the newest first."""

    async def work(services: Services) -> list[dict[str, Any]]:
        owner = await account(services, user)
        return [_shown(each) for each in await services.sessions.of_user(owner.id)]

    columns = ("id", "kind", "address", "user_agent", "last_seen_at", "expires_at")
    Command.of(context).give_rows(within_app(context, work, reads=True), columns)


@sessions.command("revoke")
@rehearsed
def revoke(
    context: typer.Context,
    id: Annotated[uuid.UUID | None, typer.Argument(help="The session's id.")] = None,
    user: Annotated[str | None, typer.Option(help="All of this account's, instead of one.")] = None,
) -> None:
    """End a session, or all of an account: what they opened is shut on the next request."""
    if (id is None) == (user is None):
        raise InvalidInput("name one session, or --user for all of an account")

    async def work(services: Services) -> dict[str, Any]:
        if id is not None:
            await services.sessions.end(id, actor=operator(), client=Client())
            return {"id": str(id), "revoked": True}
        owner = await account(services, user or "")
        alive = await services.sessions.of_user(owner.id)
        await services.sessions.end_all_of(owner.id, actor=operator(), client=Client())
        return {"email": owner.email, "revoked": len(alive), "changed": bool(alive)}

    answer = within_app(context, work)
    told = f"{id} has ended" if id is not None else f"{answer['revoked']} sessions have ended"
    Command.of(context).give(answer, told)


def _shown(session: UserSession) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "kind": session.kind,
        "address": session.address,
        "user_agent": session.user_agent,
        "mfa": session.mfa,
        "created_at": moment(session.created_at),
        "last_seen_at": moment(session.last_seen_at),
        "expires_at": moment(session.expires_at),
    }
