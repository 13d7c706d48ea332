"""Which files are to be linted: the revisions of a folder, in the order in which they run."""

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from backoffice.core.errors import InvalidInput, SetupError
from backoffice.migrations.lint.reading import identity


@dataclass(frozen=True)
class Source:
    """A revision file, by what its own text says of it."""

    path: Path
    revision: str
    down: tuple[str, ...]


def sources(folders: Iterable[Path]) -> list[Source]:
    """The revisions of these folders, each after those it follows; SetupError for a circle."""
    found = [
        each
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if (each := source(path)) is not None
    ]
    by_id = {each.revision: each for each in found}
    graph = TopologicalSorter({each.revision: set(each.down) & by_id.keys() for each in found})
    try:
        return [by_id[each] for each in graph.static_order()]
    except CycleError as error:
        raise SetupError(f"revisions follow each other: {' -> '.join(error.args[1])}") from None


def source(path: Path) -> Source | None:
    """The revision in that file; None where there is none, such as in `__init__.py`."""
    try:
        revision, down = identity(ast.parse(path.read_text("utf-8", errors="replace")))
    except (SyntaxError, ValueError):
        # Told of by whoever reads it; its place among the others is not known.
        return Source(path, path.stem, ())
    return Source(path, revision, down) if revision else None


def since(found: Sequence[Source], revision: str) -> Collection[Path]:
    """The files of the revisions that come after that one; InvalidInput where it is not there."""
    known = [each.revision for each in found]
    start = [each for each in known if each == revision] or [
        each for each in known if each.startswith(revision)
    ]
    if len(start) != 1:
        told = "names several revisions" if start else "is none of the revisions"
        raise InvalidInput(f"{revision!r} {told}; give the id as `backoffice migrate history` does")
    after = {start[0]}
    for each in found:
        if after & set(each.down):
            after.add(each.revision)
    return {each.path for each in found if each.revision in after - {start[0]}}


def versions_near(path: Path) -> Path:
    """The folder whose revisions a file belongs to."""
    return next((each for each in path.parents if each.name == "versions"), path.parent)
