"""`backoffice limits`: which limits there are, how a caller stands, and what to do about it."""

import typer

group: typer.Typer = typer.Typer(help="Rate limits: who may do how much.", no_args_is_help=True)
