"""Rewrites a revision: what is unsafe in steps of their own, the rest as it stands.

A step commits at once and may be repeated. What stands before a step is committed with it, so that
a second attempt after a broken one must leave it out: it is put under a question to the catalog.
"""

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from backoffice.migrations.fixes.pieces import MARK, Left, Parting, Piece
from backoffice.migrations.fixes.renames import taken_back
from backoffice.migrations.fixes.repeats import (
    Guard,
    commits,
    describes,
    destructive,
    escaping,
    guard,
    repeatable,
)
from backoffice.migrations.fixes.routines import needed, written
from backoffice.migrations.fixes.source import INDENT, Source
from backoffice.migrations.fixes.steps import Rename

#: Stands above what a fix brings along. `migrate up` keeps no journal of such a revision.
TITLE = f"""
# What upgrade() does commits step by step, and may be run again after it was broken off.
{MARK} = True
"""
NO_UPGRADE = "there is no plain `def upgrade()` with `from alembic import op` to rewrite"
UNKNOWN = (
    "what stands before it cannot be told to have been done already, should this be broken off: "
    "put that into a revision of its own first"
)
COMMITS = (
    "upgrade() commits by itself elsewhere, by autocommit_block() or COMMIT, and what it commits "
    "there could not be repeated: put that into a revision of its own first"
)


@dataclass(frozen=True)
class Fix:
    """A revision's new text, the lines that were made safe, and those that were left."""

    text: str
    done: tuple[int, ...] = ()
    left: tuple[Left, ...] = ()
    #: The columns that have two names after it, of which a second revision takes one away.
    renames: tuple[Rename, ...] = ()


def fixed(text: str, lines: Collection[int] | None = None) -> Fix:
    """The revision with the statements on these lines made safe for an app that is running.

    Without `lines`, every statement that is unsafe by its looks is; types of columns are changed
    only when asked for. A second time changes nothing. Raises SyntaxError where the text is not
    Python.
    """
    source = Source(text)
    function = source.function("upgrade")
    if function is None or source.operations is None or function.args.args:
        return Fix(text, left=tuple(Left(each, NO_UPGRADE) for each in sorted(lines or ())))
    parting = Parting(source, function, lines)
    pieces, unknown = _repeatable(parting.pieces())
    left = tuple(sorted([*parting.left, *unknown], key=lambda each: each.line))
    done = tuple(each.statement.lineno for each in pieces if each.step is not None)
    if not done:
        return Fix(text, left=left)
    steps = [each.step for each in pieces if each.step is not None]
    found = tuple(each.rename for each in steps if each.rename is not None)
    after = taken_back(Rewritten(source, function, pieces).text(), found)
    if after is None:
        raise AssertionError(found)
    return Fix(after, done, left, found)


def _repeatable(pieces: list[Piece]) -> tuple[list[Piece], list[Left]]:
    """The same without the steps before which something stands that cannot be told done."""
    if any(commits(each) and not repeatable(each) for each in pieces if each.step is None):
        return _without_steps(pieces, 0, COMMITS)
    for number, piece in enumerate(pieces):
        if piece.step is None or number == 0 or pieces[number - 1].step is not None:
            continue
        if _run_before(pieces, number) is None:
            return _without_steps(pieces, number, UNKNOWN)
    return pieces, []


def _without_steps(pieces: list[Piece], start: int, words: str) -> tuple[list[Piece], list[Left]]:
    rest = [replace(each, step=None) for each in pieces[start:]]
    stopped = [each for each in pieces[start:] if each.step is not None]
    return [*pieces[:start], *rest], [Left(each.statement.lineno, words) for each in stopped]


@dataclass(frozen=True)
class Before:
    """A run of statements before a step: those that are always done, and those that are not once
    any of the guards says that they were."""

    always: Sequence[Piece]
    guarded: Sequence[Piece] = ()
    guards: tuple[Guard, ...] = ()


def _run_before(pieces: Sequence[Piece], number: int) -> Before | None:
    """The statements between the step before and this one; None where they cannot be told done."""
    start = number
    while start and pieces[start - 1].step is None:
        start -= 1
    run, later = pieces[start:number], pieces[number:]
    past = _guard_after(pieces, number)
    guards = () if past is None else (past,)
    if not all(map(repeatable, run)) or (start and destructive(run)):
        own = guard(run, pieces[:start], later)
        if own is None or (start and destructive(run) and not own.lasting):
            return None
        guards = (own,) if own.lasting else (own, *guards)
    described = (place for place, each in enumerate(run) if not describes(each.statement))
    first = next(described, number - start)
    if not guards or first == number - start:
        return Before(run)
    return None if escaping(run[first:], later) else Before(run[:first], run[first:], guards)


def _guard_after(pieces: Sequence[Piece], number: int) -> Guard | None:
    """How to tell that what stands before is past, since what it works on was taken away."""
    for place in range(number + 1, len(pieces)):
        if pieces[place].step is None or pieces[place - 1].step is not None:
            continue
        before = _run_before(pieces, place)
        if before is not None and before.guards and destructive(before.guarded):
            return before.guards[0]
    return None


class Rewritten:
    """A revision put together again."""

    def __init__(self, source: Source, function: ast.FunctionDef, pieces: Sequence[Piece]) -> None:
        self.source = source
        self.function = function
        self.pieces = pieces
        self.routines: list[str] = []
        self.imports: list[str] = []
        first = source.lines[function.body[0].lineno - 1]
        self.base = first[: len(first) - len(first.lstrip())]

    def text(self) -> str:
        """The whole file."""
        body = list(self._body())
        lines = self.source.lines
        begin, end = self.function.body[0].lineno - 1, self.function.end_lineno or 0
        rest = "".join(lines[end:])
        above = self._with_imports(lines[:begin])
        return f"{above}{''.join(body)}{rest.rstrip()}\n{self._brought()}"

    def _body(self) -> Iterator[str]:
        for kind, group in groupby(range(len(self.pieces)), self._kind):
            numbers = list(group)
            members = [self.pieces[number] for number in numbers]
            if kind is not None:
                yield from self._unless_past(members, numbers[-1] + 1)
            elif numbers[-1] + 1 < len(self.pieces):
                yield from self._before(numbers[-1] + 1)
            else:
                yield self._kept(members)

    def _unless_past(self, steps: Sequence[Piece], after: int) -> Iterator[str]:
        """Steps that work on what is taken away after them are left out once it was."""
        past = _guard_after(self.pieces, after - 1)
        if past is None:
            yield from self._steps(steps, 0)
            return
        self.routines.append(past.routine)
        yield f"{self.base}if not {past.question}:\n"
        yield from self._steps(steps, 1)

    def _kind(self, number: int) -> tuple[range, bool] | None:
        """The steps of one batch go together, and so do those outside of one."""
        piece = self.pieces[number]
        return None if piece.step is None else (piece.opening, piece.step.portable)

    def _before(self, number: int) -> Iterator[str]:
        run = _run_before(self.pieces, number)
        if run is None:  # such steps were taken back
            raise AssertionError(number)
        yield self._kept(run.always)
        if run.guards:
            self.routines += [each.routine for each in run.guards]
            asked = " or ".join(each.question for each in run.guards)
            yield f"{self.base}if not {f'({asked})' if len(run.guards) > 1 else asked}:\n"
            yield self._kept(run.guarded, deeper=1)

    def _kept(self, pieces: Sequence[Piece], deeper: int = 0) -> str:
        text = ""
        opened = range(0)
        for piece in pieces:
            text += self._block(piece.above, deeper)
            if piece.opening != opened:
                text += self._block(piece.opening, deeper)
            text += self._block(piece.own, deeper)
            opened = piece.opening
        return text

    def _steps(self, pieces: Sequence[Piece], deeper: int) -> Iterator[str]:
        first = pieces[0]
        elsewhere = bool(first.opening) or not (first.step and first.step.portable)
        context = f"{self.source.operations}.get_context()"
        base = self.base + INDENT * deeper
        inner = base + INDENT * elsewhere
        yield self._block(first.above, deeper)
        if elsewhere:
            yield f'{base}if {context}.dialect.name == "postgresql":\n'
        yield f"{inner}with {context}.autocommit_block():\n"
        for piece in pieces:
            if piece is not first:
                yield self._block(piece.above, deeper + 1 + elsewhere)
            yield from self._step(piece, inner + INDENT)
        if elsewhere:
            bare = [replace(each, above=range(0)) for each in pieces]
            yield f"{base}else:\n{self._kept(bare, deeper + 1)}"

    def _step(self, piece: Piece, base: str) -> Iterator[str]:
        if piece.step is None:
            return
        self.routines += piece.step.routines
        self.imports += piece.step.imports
        for remark in self.source.comments(piece.own, "\n".join(piece.step.lines)):
            yield f"{base}{remark}\n"
        yield from (f"{base}{line}\n" if line else "\n" for line in piece.step.lines)

    def _block(self, lines: range, deeper: int) -> str:
        return self.source.block(lines, self.base, deeper)

    def _brought(self) -> str:
        """The functions that the steps call, unless the file has them already."""
        missing = {
            name: each
            for name, each in needed(self.routines).items()
            if self.source.function(name) is None
        }
        title = "" if MARK in self.source.constants else f"\n{TITLE}"
        texts = [f"\n\n{self._named(written(each.text))}" for each in missing.values()]
        return title + "".join(texts)

    def _named(self, text: str) -> str:
        """A function with the names under which this file imports things."""
        operations, module = self.source.operations, self.source.sqlalchemy or "sa"
        text = text.replace("op.", f"{operations}.") if operations != "op" else text
        return text.replace("sa.", f"{module}.") if module != "sa" else text

    def _with_imports(self, lines: Sequence[str]) -> str:
        routines = needed(self.routines)
        missing = {name for name in routines if self.source.function(name) is None}
        wanted = {each for name in missing for each in routines[name].imports} | set(self.imports)
        if missing and self.source.sqlalchemy is None:
            wanted.add("import sqlalchemy as sa")
        return self.source.importing(lines, sorted(wanted))
