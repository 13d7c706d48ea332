"""`backoffice singletons`: what the app shares while it runs, without starting any of it."""

from collections.abc import Callable
from typing import Any

import typer

from backoffice.core.command import Command
from backoffice.core.dependencies import declared
from backoffice.core.graph import labels, mermaid
from backoffice.core.singletons import Singleton, plan, the_app

group: typer.Typer = typer.Typer(help="What the app shares while it runs.", no_args_is_help=True)


@group.command("list")
def show(context: typer.Context) -> None:
    """Each singleton, in the order in which the app opens them."""
    command = Command.of(context)
    nodes = plan(*declared(command.app()))
    names = labels(nodes)
    rows = [_row(each, names.__getitem__) for each in nodes if each is not the_app]
    command.give_rows(rows, ("name", "gives", "needs", "health"))


def _row(each: Singleton[Any], name: Callable[[Singleton[Any]], str]) -> dict[str, Any]:
    gives, check = each.gives(), each.health_check
    return {
        "name": name(each),
        "gives": _shown(gives),
        "needs": [name(need) for need in each.needs.values()],
        "health": None if check is None else ("required" if check.required else "optional"),
    }


def _shown(kind: Any) -> str | None:
    return None if kind is None else str(getattr(kind, "__name__", kind))


@group.command()
def graph(context: typer.Context) -> None:
    """Print the graph of singletons as a Mermaid flowchart."""
    command = Command.of(context)
    drawn = mermaid(declared(command.app()))
    command.give({"mermaid": drawn}, drawn)
