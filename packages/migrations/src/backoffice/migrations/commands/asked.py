"""What every verb of `backoffice migrate` needs: the database that is meant, and talk."""

from collections.abc import Callable

import typer

from backoffice.core.command import Command
from backoffice.core.settings import Settings, load, urls

PRESENT = "already at the present"


def database_url(command: Command) -> str:
    """The URL of the database to migrate, shown without its password."""
    url = load(Settings).database_url.get_secret_value()
    command.say(f"database: {urls.shown(url)}")
    return url


def teller(command: Command) -> Callable[[str], None]:
    """Passes on what Alembic tells, in pieces of lines."""

    def tell(text: str) -> None:
        if not command.quiet:
            typer.echo(text, err=True, nl=False)

    return tell
