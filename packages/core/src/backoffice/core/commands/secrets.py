"""`backoffice secrets generate`: chance, written down."""

import secrets as random
from typing import Annotated

import typer

from backoffice.core.command import Command

secrets: typer.Typer = typer.Typer(help="Make and change secrets.", no_args_is_help=True)


@secrets.command()
def generate(
    context: typer.Context,
    size: Annotated[int, typer.Option("--bytes", min=32, max=1024, help="Bytes of chance.")] = 32,
) -> None:
    """Print a new secret, fit for BACKOFFICE_SECRET_KEY."""
    secret = random.token_urlsafe(size)
    Command.of(context).give({"secret": secret}, secret)
