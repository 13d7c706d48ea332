"""Makes one revision of many: their own code, one after the other, under the id of the last.

A database at that id needs nothing: it is where the new file ends. An empty one gets the very same
operations as before. One in the midst is refused, since what it lacks is no longer there alone.
Copies of packages' revisions stay as they are, and cut the history into stretches.
"""

import ast
import io
import os
import re
import tokenize
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backoffice.core.errors import Conflict, NotFound, SetupError
from backoffice.migrations.scripts import Script, ancestors, head, oldest_first

INDENT = "    "


@dataclass(frozen=True)
class Stretch:
    """Revisions that become one: `last` gives its id and its file, `down` what it stands on."""

    scripts: tuple[Script, ...]
    down: tuple[str, ...]

    @property
    def last(self) -> Script:
        """The newest of them."""
        return self.scripts[-1]

    @property
    def depends_on(self) -> tuple[str, ...]:
        """What else must be there before them."""
        ids = {each.id for each in self.scripts}
        known = dict.fromkeys(below for each in self.scripts for below in each.depends_on)
        return tuple(each for each in known if each not in ids)

    @property
    def gone(self) -> tuple[Script, ...]:
        """Those whose files go."""
        return self.scripts[:-1]


def stretches(scripts: Sequence[Script], until: str | None = None) -> list[Stretch]:
    """What may become one revision each, up to `until` or the head; Conflict where nothing may.

    NotFound where there is no such revision.
    """
    end = until or head(scripts)
    if end is None or end not in {each.id for each in scripts}:
        raise NotFound(f"there is no revision {end}; `backoffice migrate history` lists them")
    below = ancestors(scripts, [end])
    line = [each for each in oldest_first(scripts) if each.id in below]
    # By what stands below them: the order is the same whichever way branches are walked.
    line.sort(key=lambda each: len(ancestors(scripts, [each.id])))
    found = [_stretch(some) for some in _runs(line) if len(some) > 1]
    for each in found:
        _check(each, scripts)
    return found


def _runs(line: Sequence[Script]) -> Iterator[list[Script]]:
    run: list[Script] = []
    for each in line:
        if each.copy_of is None:
            run.append(each)
        else:
            yield run
            run = []
    yield run


def _stretch(scripts: Sequence[Script]) -> Stretch:
    ids = {each.id for each in scripts}
    down = dict.fromkeys(below for each in scripts for below in each.down if below not in ids)
    return Stretch(tuple(scripts), tuple(down))


def _check(stretch: Stretch, scripts: Sequence[Script]) -> None:
    """Nothing else may stand on what goes."""
    within = {each.id for each in stretch.scripts}
    gone = {each.id for each in stretch.gone}
    for each in scripts:
        below = gone & {*each.down, *each.depends_on}
        if each.id not in within and below:
            raise Conflict(
                f"{each.id} stands on {', '.join(sorted(below))}, which would be gone; squash up "
                "to a revision that all others stand on",
                code="squash_branches",
            )
    if gone - ancestors(scripts, [stretch.last.id]):
        raise Conflict(
            "the revisions do not meet in one; squash up to one that all others stand on",
            code="squash_branches",
        )
    for each in stretch.scripts:
        _parsed(each)


def render(stretch: Stretch) -> str:
    """The file that does what all of them did."""
    names = [
        f"_{at:03}_{re.sub(r'[^A-Za-z0-9]', '_', each.id)}"
        for at, each in enumerate(stretch.scripts, start=1)
    ]
    trees = [_parsed(each) for each in stretch.scripts]
    hoisted = dict.fromkeys(line for tree in trees for line in _hoisted(tree))
    steps = "\n\n\n".join(
        _function(name, each, tree)
        for name, each, tree in zip(names, stretch.scripts, trees, strict=True)
    )
    return _FILE.format(
        count=len(names),
        first=stretch.scripts[0].id,
        last=stretch.last.id,
        gone=", ".join(each.id for each in stretch.gone),
        future="".join(f"{line}\n" for line in hoisted if "__future__" in line),
        stars="".join(f"{line}\n" for line in hoisted if "__future__" not in line),
        revision=repr(stretch.last.id),
        down=repr(_down(stretch.down)),
        labels=repr(tuple(name for each in stretch.scripts for name in each.labels) or None),
        depends_on=repr(stretch.depends_on or None),
        steps=steps,
        names="".join(f"\n{INDENT}{name}," for name in names),
    )


def _down(down: tuple[str, ...]) -> str | tuple[str, ...] | None:
    if len(down) > 1:
        return down
    return down[0] if down else None


def write(stretch: Stretch, text: str) -> None:
    """Put it in the place of the last file, then take the others away.

    Killed in between, the history has heads that `unfinished` names.
    """
    beside = stretch.last.path.with_name(f".{stretch.last.path.name}.squash")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(stretch.last.path)
    for each in stretch.gone:
        each.path.unlink(missing_ok=True)


def unfinished(scripts: Sequence[Script]) -> list[Path]:
    """Files of revisions that another one stands for already: a squash was killed."""
    gone = {each for script in scripts for each in script.squashes}
    return [each.path for each in scripts if each.id in gone]


def squashed_into(scripts: Sequence[Script], revision: str) -> str | None:
    """The revision that stands for one that is gone; None where there is none."""
    return next((each.id for each in scripts if revision in each.squashes), None)


@contextmanager
def told_of(scripts: Sequence[Script]) -> Iterator[None]:
    """A database at a revision that was squashed is no newer one: what to do is another thing."""
    try:
        yield
    except Conflict as error:
        gone = str(error.data.get("revision", ""))
        stands_for = squashed_into(scripts, gone)
        if stands_for is None:
            raise
        raise Conflict(
            f"the database is at {gone}, which was squashed into {stands_for}: bring it to "
            f"{stands_for} by the last release that has {gone}, then run this one",
            code="revision_squashed",
        ) from None


def _parsed(script: Script) -> ast.Module:
    try:
        tree = ast.parse(script.path.read_text("utf-8"))
    except SyntaxError as error:
        raise SetupError(f"{script.path} cannot be read: {error}") from None
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        raise Conflict(
            f"{script.path} says `global`, which would mean something else in one file with "
            "others; keep its variables otherwise, then try again",
            code="squash_global",
        )
    return tree


def _hoisted(tree: ast.Module) -> Iterator[str]:
    """What may stand at the top of a file only."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and _only_at_the_top(node):
            yield ast.unparse(node)


def _only_at_the_top(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (
        node.module == "__future__" or any(each.name == "*" for each in node.names)
    )


def _function(name: str, script: Script, tree: ast.Module) -> str:
    """The module as a function, which gives its upgrade and its downgrade."""
    defined = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
    gives = ", ".join(each if each in defined else "None" for each in ("upgrade", "downgrade"))
    body = _indented(script.path.read_text("utf-8"), tree).strip("\n")
    return f"def {name}():\n{body}\n\n{INDENT}return {gives}"


def _indented(text: str, tree: ast.Module) -> str:
    inside = set(_within_strings(text))
    dropped = {
        line
        for node in tree.body
        if _only_at_the_top(node)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = []
    for number, line in enumerate(io.StringIO(text), start=1):  # by the lines that Python counts
        if number in dropped:
            continue
        lines.append(line if number in inside or not line.strip() else INDENT + line)
    return "".join(lines)


def _within_strings(text: str) -> Iterator[int]:
    """The lines that begin within a string, where each blank counts."""
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name == "STRING":
            yield from range(token.start[0] + 1, token.end[0] + 1)
        elif name in ("FSTRING_START", "TSTRING_START"):
            opened.append(token.start[0])
        elif name in ("FSTRING_END", "TSTRING_END"):
            yield from range(opened.pop() + 1, token.end[0] + 1)


_FILE = '''\
"""{count} revisions in one, from {first} to {last}"""

# Written by `backoffice migrate squash`: it does what these did, one after the other.
# Squashes: {gone}

{future}from contextlib import suppress

{stars}from alembic import op

revision = {revision}
down_revision = {down}
branch_labels = {labels}
depends_on = {depends_on}


{steps}


STEPS = ({names}
)


def upgrade():
    for step in STEPS:
        step()[0]()
        _commit()


def downgrade():
    for step in reversed(STEPS):
        undo = step()[1]
        if undo is not None:
            undo()
        _commit()


def _commit():
    """Each had a transaction of its own, which some need: a new value of an enum is not used in
    the one that adds it."""
    with suppress(AssertionError):  # env.py has begun one around all of them
        with op.get_context().autocommit_block():
            pass
'''
