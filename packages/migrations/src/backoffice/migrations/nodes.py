"""Every revision of a history, and which of them the database has."""

from collections.abc import Container

from backoffice.migrations.graph import Node, State
from backoffice.migrations.histories import APP
from backoffice.migrations.scripts import ancestors, oldest_first
from backoffice.migrations.standings import Standing
from backoffice.migrations.vendored import Modes


def nodes_of(standing: Standing, parts: Modes) -> list[Node]:
    """The revisions of a history, the newest first."""
    if standing.history == APP:
        return _of_app(standing, parts)
    line = next((each.revisions for each in parts.managed if each.name == standing.history), ())
    applied = {each.id for each in line} - {each.id for each in standing.pending}
    return [
        Node(
            standing.history,
            each.id,
            (each.down,) if each.down else (),
            each.doc,
            _state(each.id, standing, applied),
            each.id in standing.heads,
        )
        for each in reversed(line)
    ]


def _of_app(standing: Standing, parts: Modes) -> list[Node]:
    applied = ancestors(parts.scripts, standing.current)
    return [
        Node(
            APP,
            each.id,
            (*each.down, *each.depends_on),
            each.doc + (f" [{each.copy_of.package}]" if each.copy_of else ""),
            _state(each.id, standing, applied),
            each.id in standing.heads,
        )
        for each in reversed(oldest_first(parts.scripts))
    ]


def _state(revision: str, standing: Standing, applied: Container[str]) -> State:
    if revision in standing.current:
        return "current"
    return "applied" if revision in applied else "pending"
