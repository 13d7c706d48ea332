"""Rewrites a revision: what is unsafe in steps of their own, the rest as it stands.

A step commits at once and may be repeated. What stands before a step is committed with it, so that
a second attempt after a broken one must leave it out: it is put under a question to the catalog.
"""

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from backoffice.migrations.fixes.pieces import MARK, Left, Parting, Piece
from backoffice.migrations.fixes.repeats import (
    Guard,
    describes,
    destructive,
    escaping,
    guard,
    repeatable,
)
from backoffice.migrations.fixes.routines import needed, written
from backoffice.migrations.fixes.source import INDENT, Source

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


@dataclass(frozen=True)
class Fix:
    """A revision's new text, the lines that were made safe, and those that were left."""

    text: str
    done: tuple[int, ...] = ()
    left: tuple[Left, ...] = ()


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
    return Fix(Rewritten(source, function, pieces).text(), done, left)


def _repeatable(pieces: list[Piece]) -> tuple[list[Piece], list[Left]]:
    """The same without the steps before which something stands that cannot be told done."""
    for number, piece in enumerate(pieces):
        if piece.step is None or number == 0 or pieces[number - 1].step is not None:
            continue
        if _run_before(pieces, number) is None:
            rest = [replace(each, step=None) for each in pieces[number:]]
            stopped = [each for each in pieces[number:] if each.step is not None]
            left = [Left(each.statement.lineno, UNKNOWN) for each in stopped]
            return [*pieces[:number], *rest], left
    return pieces, []


@dataclass(frozen=True)
class Before:
    """A run of statements before a step: those that are always done, and those under a guard."""

    always: Sequence[Piece]
    guarded: Sequence[Piece] = ()
    guard: Guard | None = None


def _run_before(pieces: Sequence[Piece], number: int) -> Before | None:
    """The statements between the step before and this one; None where they cannot be told done."""
    start = number
    while start and pieces[start - 1].step is None:
        start -= 1
    run = pieces[start:number]
    if all(map(repeatable, run)) and not (start and destructive(run)):
        return Before(run)
    first = next(place for place, each in enumerate(run) if not describes(each.statement))
    always, rest, later = run[:first], run[first:], pieces[number:]
    found = guard(rest, later)
    if found is None or escaping(rest, later):
        return None
    return Before(always, rest, found)


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
        past = self._guard_after(after)
        if past is None:
            yield from self._steps(steps, 0)
            return
        self.routines.append(past.routine)
        yield f"{self.base}if not {past.question}:\n"
        yield from self._steps(steps, 1)

    def _guard_after(self, number: int) -> Guard | None:
        following = [place for place in range(number, len(self.pieces)) if self._kind(place)]
        for place in following:
            if self.pieces[place - 1].step is None and place > number:
                before = _run_before(self.pieces, place)
                if before is not None and destructive(before.guarded):
                    return before.guard
        return None

    def _kind(self, number: int) -> tuple[range, bool] | None:
        """The steps of one batch go together, and so do those outside of one."""
        piece = self.pieces[number]
        return None if piece.step is None else (piece.opening, piece.step.portable)

    def _before(self, number: int) -> Iterator[str]:
        run = _run_before(self.pieces, number)
        if run is None:  # such steps were taken back
            raise AssertionError(number)
        yield self._kept(run.always)
        if run.guard is not None:
            self.routines.append(run.guard.routine)
            yield f"{self.base}if not {run.guard.question}:\n"
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
