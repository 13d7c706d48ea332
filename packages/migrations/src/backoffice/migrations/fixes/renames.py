"""A column's name, changed in two revisions: first it has both, then the older one goes."""

import ast
import re
from collections.abc import Sequence
from hashlib import sha256

from backoffice.migrations.fixes import raw
from backoffice.migrations.fixes.calls import Call, identifier
from backoffice.migrations.fixes.routines import needed, written
from backoffice.migrations.fixes.source import Source
from backoffice.migrations.fixes.steps import (
    ByHand,
    Rename,
    Step,
    chosen_name,
    indented,
    quoted,
    rendered,
)
from backoffice.migrations.fixes.twins import ALLOWED

WAY_BACK = (
    "its downgrade() does not give the column its name back in a statement of its own, before it "
    "changes it: write that, or let it raise"
)
IN_THE_WAY = (
    "what comes after it would find the column under both names, or change one of them alone: put "
    "the rename into a revision of its own, at the end"
)
_CHANGES = ("type_", "nullable", "server_default", "comment")


def rename(call: Call) -> Step | ByHand:
    """The first of the two revisions: a twin of the new name, and a trigger that keeps both."""
    found = renamed(call)
    if found is None:
        return ByHand("the table and both names are not written out")
    if any(each in call for each in _CHANGES):
        return ByHand("it changes more than the name: do that in a revision of its own")
    return Step(tuple(_called("_twin", found)), ("_twin", "_without_twin"), (), False, found)


def renamed(call: Call) -> Rename | None:
    """The column that a call gives another name."""
    if call.verb == "execute":
        return raw.renamed(call)
    old, new = call.string("column_name"), call.string("new_column_name")
    if call.table is None or old is None or new is None or not call.schema_known:
        return None
    return Rename(call.table, call.schema, old, new)


def in_the_way(source: Source, function: ast.FunctionDef, call: Call) -> bool:
    """Whether upgrade() goes on with what is true of a column that has one name alone."""
    each = renamed(call)
    if each is None:
        return False
    ended = call.node.end_lineno or call.node.lineno
    for statement in function.body:
        last = statement.end_lineno or statement.lineno
        rest = "".join(source.lines[max(ended + 1, statement.lineno) - 1 : last])
        of_it = call.opened is not None and statement.lineno <= ended < last
        if (of_it or _names(rest, each.table)) and (
            _names(rest, each.old)
            or _OF_A_TABLE.search(rest)
            or (_names(rest, each.new) and _OF_A_COLUMN.search(rest))
        ):
            return True
    return False


_OF_A_TABLE = re.compile(r"\b(?:rename_table|drop_table|RENAME\s+TO|DROP\s+TABLE)\b", re.IGNORECASE)
_OF_A_COLUMN = re.compile(
    r"\b(?:type_|server_default|nullable|new_column_name)\s*=|\bdrop_column\b"
    r"|\b(?:TYPE|DEFAULT|RENAME(?:\s+COLUMN)?|DROP|SET\s+NOT)\s",
    re.IGNORECASE,
)


def _changes(source: Source, statement: ast.stmt, each: Rename) -> bool:
    text = source.segment(statement)
    named = _names(text, each.table) and _names(text, each.new)
    return named and _OF_A_COLUMN.search(text) is not None


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def taken_back(text: str, renames: Sequence[Rename]) -> str | None:
    """The file with a downgrade() that takes the twins away; None where none can be told."""
    for each in renames:
        source = Source(text)
        function = source.function("downgrade")
        if function is None or all(map(_says_nothing, function.body)):
            continue
        back = Rename(each.table, each.schema, each.new, each.old)
        found = [one for one in function.body if _is(source, one, back)]
        if len(found) != 1 or _shares_lines(function, found[0]):
            return None
        if any(
            _changes(source, one, each) for one in function.body if one.lineno < found[0].lineno
        ):
            return None
        text = _wrapped(source, found[0], each)
    return text


def contract(first: str, renames: Sequence[Rename], down: str) -> tuple[str, str]:
    """The id and the text of the second revision, in which the names of before the `first` go."""
    told = " ".join(f"{each.table}.{each.old}" for each in renames)
    identity = sha256(f"{first} {told}".encode()).hexdigest()[:12]
    routines = needed(["_contract", "_twin"])
    wanted = {"from alembic import op", "import sqlalchemy as sa"}
    wanted |= {line for each in routines.values() for line in each.imports}
    parts = [
        f'"""Take away what {told} was called before {first}\n\n{_WAITS}\n"""\n',
        f"\n{_imports(wanted)}\n",
        f'revision = "{identity}"\ndown_revision = {down!r}\n'.replace("'", '"'),
        "branch_labels = None\ndepends_on = None\n",
        f"\n# Upgrade and downgrade may be run again after they were broken off.\n{_MARKS}",
        f"\n\ndef upgrade() -> None:\n{_body('_contract', renames)}",
        f"\n\ndef downgrade() -> None:\n{_body('_twin', renames)}",
        *(f"\n\n{written(each.text)}" for each in routines.values()),
    ]
    # Lint reads upgrade(), which fills nothing here, and would tell of a waiver of nothing.
    parts = [re.sub(rf"\n *{ALLOWED}(?=\n)", "", each) for each in parts]
    return identity, "".join(parts)


#: Says to `migrate up` and to the start of an app that a revision may be pending for a while.
MAY_WAIT = "may_wait"
_MARKS = f"repeatable = True\nrepeatable_back = True\n{MAY_WAIT} = True\n"
_WAITS = (
    "It refuses, and changes nothing, as long as the release before may run, but for an empty\n"
    "table. `-x contract=now` says that no process uses the older name."
)


def _body(routine: str, renames: Sequence[Rename]) -> str:
    back = routine == "_twin"
    lines = [line for each in renames for line in _called(routine, each, back=back)]
    head = [
        'if op.get_context().dialect.name == "postgresql":',
        "    with op.get_context().autocommit_block():",
    ]
    return "".join(f"{line}\n" for line in indented([*head, *indented(lines, 2)]))


def _called(routine: str, each: Rename, *, back: bool = False) -> list[str]:
    old, new = (each.new, each.old) if back else (each.old, each.new)
    arguments = [identifier(each.table, each.schema), old, new, _function(each)]
    return rendered(routine, [*map(quoted, arguments), *(["back=True"] if back else [])])


def _function(each: Rename) -> str:
    # Triggers go by their names: this one after those of the app, of which it sees the outcome.
    whole = f"zz_{each.table}_{each.old}_{each.new}_both"
    name = chosen_name(f"zz_{each.table}", [each.old, each.new], "both")
    if name != whole:  # of two that are cut, both might come to be called the same
        name = f"zz_{sha256(whole.encode()).hexdigest()[:24]}_both"
    return f"{identifier(name, each.schema)}()"


def _imports(wanted: set[str]) -> str:
    others = {each for each in wanted if "alembic" in each or "sqlalchemy" in each}
    groups = [
        sorted(each, key=lambda one: (one[0] == "f", one)) for each in (wanted - others, others)
    ]
    return "\n\n".join("\n".join(each) for each in groups) + "\n"


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    return isinstance(statement, ast.Pass | ast.Raise)


def _is(source: Source, statement: ast.stmt, back: Rename) -> bool:
    batch = source.batch(statement)
    calls = batch[1] if batch is not None else [source.call(statement)]
    if len(calls) != 1 or calls[0] is None:
        return False
    call = calls[0]
    return call.verb in ("alter_column", "execute") and renamed(call) == back


def _shares_lines(function: ast.FunctionDef, statement: ast.stmt) -> bool:
    own = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    others = [each for each in function.body if each is not statement]
    return any(each.lineno in own or each.end_lineno in own for each in others) or (
        function.lineno in own
    )


def _wrapped(source: Source, statement: ast.stmt, each: Rename) -> str:
    line = source.lines[statement.lineno - 1]
    base = line[: len(line) - len(line.lstrip())]
    begin, end = statement.lineno, statement.end_lineno or statement.lineno
    names = [identifier(each.table, each.schema), each.new, _function(each)]
    called = rendered("_without_twin", map(quoted, names))
    asked = "\n".join(called)
    head = "".join(f"{base}{one}\n" for one in f"if not {asked}:".splitlines())
    inner = source.block(range(begin, end + 1), base, deeper=1)
    if not inner.endswith("\n"):
        inner += "\n"
    before, after = "".join(source.lines[: begin - 1]), "".join(source.lines[end:])
    return f"{before}{head}{inner}{after}"
