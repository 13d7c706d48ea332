"""`backoffice routes`: every way into the app, and who may take it."""

from typing import Annotated, Any

import typer

from backoffice.auth.admission import admission
from backoffice.auth.entrances import Entrance
from backoffice.auth.protection import entrances_of
from backoffice.core.command import Command
from backoffice.ratelimit.gates import Gate

routes: typer.Typer = typer.Typer(help="Every way into the app.")

PLAIN = ("methods", "path", "name")
WITH_ACCESS = ("methods", "path", "who", "limits")


@routes.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    auth: Annotated[bool, typer.Option("--auth", help="Tell who may call each.")] = False,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Only those that say not who may call them.")
    ] = False,
) -> None:
    """Print every route, websocket, mount and host of the app, as it answers; nothing is started.

    With --auth also who may call it: what its guards ask for, wherever among its dependencies they
    are, and its limits. `unprotected` is what no guard stands before, and nobody has marked public.
    """
    command = Command.of(context)
    rows = [_row(each, auth) for each in entrances_of(command.app()) if _wanted(each, unprotected)]
    command.give_rows(rows, WITH_ACCESS if auth else PLAIN)


def _wanted(entrance: Entrance, unprotected: bool) -> bool:
    return not (unprotected and entrance.decided)


def _row(entrance: Entrance, auth: bool) -> dict[str, Any]:
    row = {"methods": list(entrance.methods), "path": entrance.path, "name": entrance.name}
    if not auth:
        return row
    found = admission(entrance)
    limits = [_limit(each) for each in entrance.gates]
    return {**row, "who": found.who, "limits": limits, **vars(found)}


def _limit(gate: Gate) -> str:
    """What everybody may; roles and functions may say otherwise."""
    written = "; ".join(map(str, gate.limits)) or "by a function"
    roles = {} if gate.plans is None else gate.plans.by_role
    told = (
        f"{role}: {'none' if limits is None else '; '.join(map(str, limits))}"
        for role, limits in roles.items()
    )
    return ", ".join([written, *told])
