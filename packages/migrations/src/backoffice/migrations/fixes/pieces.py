"""upgrade() taken apart: what becomes a step of its own, and what stays as it is written."""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass

from backoffice.migrations.fixes import (
    columns,
    constraints,
    enums,
    indexes,
    raw,
    renames,
    types,
    updates,
)
from backoffice.migrations.fixes.calls import Call
from backoffice.migrations.fixes.source import Source
from backoffice.migrations.fixes.steps import ByHand, Step

#: What a fix says of the whole revision.
MARK = "repeatable"
_OF_A_FIX = re.compile(r"autocommit_block|dialect\.name|\bnot _(has|lacks)_")

NESTED = (
    "it stands within a condition, a loop or a function, or shares its line: write it out in "
    "upgrade() first"
)
UNKNOWN = "its safe way cannot be told from how it is written: lint says what to do instead"
#: What changes on PostgreSQL too what a batch does.
_OF_A_BATCH = {"naming_convention", "recreate"}


@dataclass(frozen=True)
class Left:
    """A line that no machine can make safe, and why."""

    line: int
    words: str


@dataclass(frozen=True)
class Piece:
    """A statement, by the numbers of its lines: the comments above it, the line that opens the
    batch in which it stands, and its own. `step` is what takes its place on PostgreSQL; `mended`
    says that an earlier fix has made it so that it may be done twice."""

    source: Source
    statement: ast.stmt
    calls: tuple[Call | None, ...]
    above: range
    own: range
    opening: range = range(0)
    step: Step | None = None
    mended: bool = False


class Parting:
    """Takes upgrade() apart; `lines` are those that are to be made safe, or None for all."""

    def __init__(self, source: Source, function: ast.FunctionDef, lines: Collection[int] | None):
        self.source = source
        self.function = function
        self.lines = lines
        self.left: list[Left] = []
        self._seen: set[int] = set()
        self._new = new_tables(source, function)
        self._crowded = _share_lines(function)

    def pieces(self) -> list[Piece]:
        """All of them in order; `left` then holds what stays unsafe."""
        found: list[Piece] = []
        begin = self.function.body[0].lineno
        for statement in self.function.body:
            found += self._of(statement, begin)
            begin = _end(statement) + 1
        for line in sorted(set(self.lines or ()) - self._seen):
            if self.function.lineno < line <= _end(self.function):
                self.left.append(Left(line, NESTED))
        return found

    def _of(self, statement: ast.stmt, begin: int) -> list[Piece]:
        batch = self.source.batch(statement)
        if batch is not None:
            return self._of_batch(*batch, begin)
        call = self.source.call(statement)
        calls = self._committed(statement) or (call,)
        step = self._step(call, statement)
        above = range(begin, statement.lineno)
        own = range(max(begin, statement.lineno), _end(statement) + 1)
        mended = self._mended(statement)
        return [Piece(self.source, statement, calls, above, own, step=step, mended=mended)]

    def _committed(self, statement: ast.stmt) -> tuple[Call | None, ...]:
        """What stands in an autocommit_block() of the author's."""
        if not isinstance(statement, ast.With) or len(statement.items) != 1:
            return ()
        head = ast.unparse(statement.items[0].context_expr)
        if not head.endswith(".autocommit_block()"):
            return ()
        return tuple(map(self.source.call, statement.body))

    def _mended(self, statement: ast.stmt) -> bool:
        if MARK not in self.source.constants or not isinstance(statement, ast.With | ast.If):
            return False
        head = statement.test if isinstance(statement, ast.If) else statement.items[0].context_expr
        return _OF_A_FIX.search(ast.unparse(head)) is not None

    def _of_batch(self, block: ast.With, calls: list[Call | None], begin: int) -> list[Piece]:
        first = block.body[0].lineno
        steps = [self._step(call, each) for call, each in zip(calls, block.body, strict=True)]
        if not any(steps):
            above = range(begin, block.lineno)
            return [Piece(self.source, block, tuple(calls), above, _lines(block))]
        opening = range(block.lineno, first)
        found: list[Piece] = []
        above, begin = range(begin, block.lineno), first
        for call, statement, step in zip(calls, block.body, steps, strict=True):
            own = range(begin, _end(statement) + 1)
            found.append(Piece(self.source, statement, (call,), above, own, opening, step))
            above, begin = range(0), _end(statement) + 1
        return found

    def _step(self, call: Call | None, statement: ast.stmt) -> Step | None:
        if self._crowded or call is None or not self._asked(statement):
            return None
        if _table(call) in self._new:
            return None
        found = safer(call, everything=self.lines is None)
        if found is None and self.lines is not None:
            found = ByHand(UNKNOWN)
        elif (
            found is not None
            and call.opened is not None
            and _OF_A_BATCH & call.opened.arguments.keys()
        ):
            found = ByHand(
                "its batch names constraints or makes the table anew in a way of its own"
            )
        elif isinstance(found, Step) and found.rename is not None:
            back = renames.taken_back(self.source.text, [found.rename])
            if back is None:
                found = ByHand(renames.WAY_BACK)
            elif renames.in_the_way(self.source, self.function, call):
                found = ByHand(renames.IN_THE_WAY)
        if isinstance(found, ByHand):
            self.left.append(Left(statement.lineno, found.words))
            return None
        return found

    def _asked(self, statement: ast.stmt) -> bool:
        if self.lines is None:
            return True
        own = set(_lines(statement))
        self._seen |= own
        return bool(own & set(self.lines))


def safer(call: Call, *, everything: bool) -> Step | ByHand | None:
    """What to do instead of an operation; None where nothing is known against it.

    With `everything` only what is unsafe by its looks: else somebody has found that it is.
    """
    match call.verb:
        case "create_index" | "drop_index":
            return getattr(indexes, call.verb)(call)  # type: ignore[no-any-return]
        case "create_unique_constraint":
            return indexes.create_unique_constraint(call)
        case "create_foreign_key" | "create_check_constraint":
            if call.value(constraints.NOT_VALID) is True:
                return None
            return getattr(constraints, call.verb)(call)  # type: ignore[no-any-return]
        case "create_primary_key" | "create_exclude_constraint":
            return _BY_HAND[call.verb]
        case "add_column" if columns.unsafe_column(call):
            return columns.add_column(call)
        case "alter_column":
            return _altered(call, everything=everything)
        case "execute" if enums.adds_value(call):
            return enums.add_value(call)
        case "execute" if raw.renamed(call) is not None:
            return None if everything else renames.rename(call)
        case "execute" if updates.updated_table(call) is not None:
            return updates.update(call)
        case "execute":
            return raw.raw(call)
        case "sync_enum_values":
            return enums.sync_enum_values(call)
    return None


def _altered(call: Call, *, everything: bool) -> Step | ByHand | None:
    if "new_column_name" in call:
        return None if everything else renames.rename(call)
    if "type_" in call and not everything:
        return types.change_type(call)
    if call.value("nullable") is False and "type_" not in call:
        return columns.set_not_null(call)
    return None


_BY_HAND = {
    "create_primary_key": ByHand(
        "make the columns NOT NULL, build a unique index concurrently, and add the key by "
        "`ALTER TABLE ... ADD PRIMARY KEY USING INDEX`"
    ),
    "create_exclude_constraint": ByHand(
        "PostgreSQL cannot build it while others write: do it when the table is small or idle"
    ),
}


def new_tables(source: Source, function: ast.FunctionDef) -> set[str]:
    """The tables that upgrade() makes itself, which nobody uses yet."""
    found = [source.call(each) for each in function.body]
    return {each.table for each in found if each and each.verb == "create_table" and each.table}


def _table(call: Call) -> str | None:
    if call.verb == "execute":
        return updates.updated_table(call) or raw.raw_table(call)
    return call.table


def _share_lines(function: ast.FunctionDef) -> bool:
    """Whether a line holds several statements, so that they cannot be taken apart."""
    blocks: list[ast.FunctionDef | ast.With] = [function]
    blocks += [each for each in function.body if isinstance(each, ast.With)]
    for block in blocks:
        before: ast.stmt = block
        for each in block.body:
            end = before.lineno if before is block else _end(before)
            if end == each.lineno and not isinstance(before, ast.Assign):
                return True
            before = each
    return False


def _lines(statement: ast.stmt) -> range:
    return range(statement.lineno, _end(statement) + 1)


def _end(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno
