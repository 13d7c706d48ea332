"""`backoffice migrate history`: every revision, and which of them the database has."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from backoffice.core import streams
from backoffice.core.command import Command
from backoffice.migrations.commands.asked import database_url, teller
from backoffice.migrations.graph import Node, mermaid, text
from backoffice.migrations.histories import installed, ordered
from backoffice.migrations.nodes import nodes_of
from backoffice.migrations.project import app_history
from backoffice.migrations.runner import status
from backoffice.migrations.vendored import modes


class Graph(StrEnum):
    """How the picture is drawn."""

    text = "text"
    mermaid = "mermaid"


def history(
    context: typer.Context,
    graph: Annotated[Graph | None, typer.Option("--graph", help="Draw it.")] = None,
) -> None:
    """Show every revision, the newest first, and which of them the database has."""
    command = Command.of(context)
    url = database_url(command)
    app = app_history()
    with redirect_stdout(sys.stderr):
        found = status(url, app, tell=teller(command))
        parts = modes(app, ordered(installed()))
    nodes = [node for standing in reversed(found) for node in nodes_of(standing, parts)]
    if command.as_json or graph is None:
        _give(command, nodes)
    elif graph is Graph.mermaid:
        streams.write("\n".join(mermaid(nodes)))
    else:
        streams.write("\n".join(_drawn(nodes)))


def _give(command: Command, nodes: Sequence[Node]) -> None:
    if command.as_json:
        command.give([asdict(each) for each in nodes])
        return
    rows = [
        {
            "history": each.history,
            "revision": each.id,
            "state": each.state + (", head" if each.head else ""),
            "follows": each.down,
            "what": each.doc,
        }
        for each in nodes
    ]
    command.give_rows(rows, ("history", "revision", "state", "follows", "what"))


def _drawn(nodes: Sequence[Node]) -> list[str]:
    lines: list[str] = []
    for name in dict.fromkeys(each.history for each in nodes):
        lines += [f"{name}:", *text([each for each in nodes if each.history == name]), ""]
    return lines[:-1]
