"""What the groups of accounts share: the services of the app, and who is typing."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from backoffice.auth.services import Services
from backoffice.core import NotFound, Run, database
from backoffice.core.command import Command, operator

__all__ = ["operator", "within_app"]

T = TypeVar("T")


def within_app(
    context: typer.Context, work: Callable[[Services], Awaitable[T]], *, reads: bool = False
) -> T:
    """Do `work` with the app's services; NotFound if the app includes no `auth.router`.

    Where it only `reads`, leave to read the database is enough.
    """

    async def run_it(run: Run) -> T:
        if reads:
            (await run.open(database)).only_read()
        services = await run.find(Services)
        if services is None:
            raise NotFound(
                "this app has no accounts; add app.include_router(auth.router, prefix='/auth')"
            )
        return await work(services)

    return Command.of(context).run(run_it)
