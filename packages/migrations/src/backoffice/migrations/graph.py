"""A history as a picture: lines of text with branches and merges, or Mermaid's flowchart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["applied", "current", "pending"]
SIGNS: dict[State, str] = {"applied": "o", "current": "@", "pending": "."}


@dataclass(frozen=True)
class Node:
    """One revision of a history, and whether the database has it; `down` is what it stands on."""

    history: str
    id: str
    down: tuple[str, ...]
    doc: str
    state: State
    head: bool = False

    @property
    def told(self) -> str:
        """The revision in a line."""
        marks = [each for each in (self.state, "head" * self.head) if each and each != "applied"]
        told = f"{self.id} {self.doc}".rstrip()
        return f"{told} ({', '.join(marks)})" if marks else told


def text(nodes: Sequence[Node]) -> Iterator[str]:
    """The newest first: a column for each line of descent, as `git log --graph` draws them.

    `nodes` come newest first, each before those that it stands on.
    """
    known = {each.id for each in nodes}
    columns: list[str] = []
    for node in nodes:
        if node.id not in columns:
            columns.append(node.id)
        place = columns.index(node.id)
        joined = [at for at, wanted in enumerate(columns) if wanted == node.id and at != place]
        if joined:
            yield _row(columns, {place: "|", **dict.fromkeys(joined, "/")})
            columns = [each for at, each in enumerate(columns) if at not in joined]
        yield f"{_row(columns, {place: SIGNS[node.state]})}  {node.told}"
        down = [each for each in node.down if each in known]
        columns[place : place + 1] = down[:1]
        for more, each in enumerate(down[1:], start=1):
            columns.insert(place + more, each)
        if len(down) > 1:
            yield _row(columns, {place + more: "\\" for more in range(1, len(down))})


def _row(columns: Sequence[str], signs: dict[int, str]) -> str:
    return " ".join(signs.get(at, "|") for at in range(len(columns))).rstrip()


def mermaid(nodes: Sequence[Node]) -> Iterator[str]:
    """A flowchart that GitHub and GitLab draw, the oldest at its top."""
    oldest_first = nodes[::-1]
    names = {(each.history, each.id): f"r{at}" for at, each in enumerate(oldest_first)}
    yield "flowchart TB"
    for history in dict.fromkeys(each.history for each in oldest_first):
        yield f"  subgraph {history}"
        for each in oldest_first:
            if each.history == history:
                label = f"{_escaped(each.id)}<br>{_escaped(each.doc)}"
                yield f'    {names[history, each.id]}["{label}"]:::{each.state}'
        yield "  end"
    for each in oldest_first:
        for down in each.down:
            if (each.history, down) in names:
                yield f"  {names[each.history, down]} --> {names[each.history, each.id]}"
    yield "  classDef applied fill:#d3f9d8,stroke:#2b8a3e,color:#000"
    yield "  classDef current fill:#a5d8ff,stroke:#1864ab,stroke-width:3px,color:#000"
    yield "  classDef pending fill:#fff3bf,stroke:#e67700,stroke-dasharray:4 3,color:#000"


def _escaped(label: str) -> str:
    # Mermaid reads entities where a quote or a bracket would end the label.
    for sign, entity in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        label = label.replace(sign, entity)
    return label
