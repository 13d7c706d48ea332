"""A package's revision as it stands in the app's own history: it works without the package."""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from backoffice.core.errors import SetupError
from backoffice.migrations.histories import PackageHistory, Revision
from backoffice.migrations.scripts import Script

#: Where a script printed for later is told how far the packages have come, of which it cannot ask
#: the database: in `config.attributes`, by the name of the package.
APPLIED = "backoffice_applied"
#: The constant by which a revision is told of the app's own table of users, as an expression.
USERS = "USERS"

_HEADER = """\
# Copied by `backoffice migrate sync` from {package} {version}.
# sha256 of the original: {sha256}
"""
_UPGRADE = ("if _taken_over():", "    return")
_DOWNGRADE = ("_leave_to_this_history()",)
_GUARD = """

# Written by `backoffice migrate sync`. Before this copy was made, `backoffice migrate up` may
# have applied the revision apart from this history, as a table of its own then says. Whatever
# was applied so is taken over, and not run again.
_EARLIER: tuple[str, ...] = {earlier}


def _applied_apart() -> str | None:
    from alembic import op
    from sqlalchemy import inspect, text

    context = op.get_context()
    if context.as_sql:
        attributes = context.config.attributes if context.config else {{}}
        told: dict[str, str] = attributes.get("{applied}", {{}})
        return told.get("{package}")
    connection = op.get_bind()
    if not inspect(connection).has_table("{table}"):
        return None
    row = connection.execute(text("SELECT version_num FROM {table}")).first()
    return None if row is None else str(row[0])


def _taken_over() -> bool:
    from alembic import op

    applied = _applied_apart()
    if applied is None or applied in _EARLIER:
        return False
    if applied == revision:
        op.drop_table("{table}")
    return True


def _leave_to_this_history() -> None:
    from alembic import op

    applied = _applied_apart()
    if applied == revision:
        op.drop_table("{table}")
    elif applied is not None and applied not in _EARLIER:
        raise RuntimeError(
            f"the database has {{applied}}, which is not taken over yet; upgrade to the head first"
        )
"""


def source(history: PackageHistory, revision: str) -> str:
    """The text of a package's revision; its line ends are `\\n`, whatever the file has."""
    return history.files[revision].read_text("utf-8")


def sha256(text: str) -> str:
    """What the header of a copy says of its original."""
    return hashlib.sha256(text.encode()).hexdigest()


def rendered(
    history: PackageHistory, revision: Revision, down: str | None, users: str | None = None
) -> str:
    """The text of the copy that stands on `down` in the app's history.

    `users` is the expression for the app's own users (`("members.id", sa.Integer())`). SetupError
    for a revision that cannot be copied.
    """
    text = source(history, revision.id)
    code = Code(text)
    check_copied(history, revision.id, code)
    ids = [each.id for each in history.revisions]
    header = _HEADER.format(package=history.name, version=history.version, sha256=sha256(text))
    guard = _GUARD.format(
        package=history.name,
        table=history.version_table,
        applied=APPLIED,
        earlier=_tuple(ids[: ids.index(revision.id)]),
    )
    return header + code.edited([*_assignments(code, down, users), *_guards(code)]) + guard


def check_copied(history: PackageHistory, revision: str, code: "Code") -> None:
    """SetupError where a copy would need the package that it came from, or another history."""
    own = {"backoffice", *_roots(history.folder)}
    for name in code.imports():
        if name.partition(".")[0] in own or name.startswith("."):
            raise SetupError(
                f"{history.name}: {revision} imports {name}, so that a copy of it would break "
                "without the package; tell its maker to write out what it needs"
            )
    for name, value in code.assigned():
        if name == "depends_on" and ast.unparse(value) not in ("None", "()", "[]"):
            raise SetupError(
                f"{history.name}: {revision} depends on {ast.unparse(value)}; the revisions of "
                "a package stand on each other alone"
            )


def difference(script: Script, history: PackageHistory) -> str | None:
    """In words, how a copy is not what it should be; None where it is, or where nobody knows.

    Its form is free: a formatter may have been over it. SetupError where it cannot be read.
    """
    found = next((each for each in history.revisions if each.id == script.id), None)
    if found is None or script.copy_of is None:
        return None  # the installed version does not have it, or it is none
    if script.copy_of.sha256 != sha256(source(history, found.id)):
        return (
            f"{history.name} {history.version} ships another {found.id} than "
            f"{script.copy_of.version} did, of which this is a copy; revisions never change once "
            "released"
        )
    there = Code(script.path.read_text("utf-8"))
    users = next((ast.unparse(value) for name, value in there.assigned() if name == USERS), None)
    meant = rendered(history, found, next(iter(script.down), None), users)
    if ast.dump(there.tree) != ast.dump(ast.parse(meant)):
        return "it was changed since it was copied; put such changes into a revision of your own"
    return None


Edit = tuple[int, int, str]


class Code:
    """The source of a revision, and where things stand in it."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self._data = text.encode()
        lines = text.encode().splitlines(keepends=True)
        self._starts = [0, *accumulate(map(len, lines))]

    def assigned(self) -> Iterator[tuple[str, ast.expr]]:
        """What is assigned at the top, by name."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        yield target.id, node.value

    def functions(self) -> Iterator[ast.FunctionDef]:
        """Those at the top."""
        yield from (each for each in self.tree.body if isinstance(each, ast.FunctionDef))

    def imports(self) -> Iterator[str]:
        """The names of modules, with the dots of those that are relative."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield "." * node.level + (node.module or "")

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """From where to where it stands, in bytes."""
        last, column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[last - 1] + column

    def line_after(self, node: ast.stmt) -> int:
        """Where the line begins that comes next, in bytes: what is said beside it stays there."""
        last = node.end_lineno or node.lineno
        return self._starts[min(last, len(self._starts) - 1)]

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text with each of the spans replaced; ends with one line end."""
        data = self._data
        for start, end, new in sorted(edits, reverse=True):
            data = data[:start] + new.encode() + data[end:]
        return data.decode().rstrip() + "\n"


def _assignments(code: Code, down: str | None, users: str | None) -> Iterator[Edit]:
    new = {"down_revision": quoted(down), "branch_labels": "None", "depends_on": "None"}
    if users is not None:
        new[USERS] = users
    for name, value in code.assigned():
        if name in new:
            yield *code.span(value), new[name]


def _guards(code: Code) -> Iterator[Edit]:
    wanted = {"upgrade": _UPGRADE, "downgrade": _DOWNGRADE}
    for each in code.functions():
        if lines := wanted.get(each.name):
            yield at_start(code, each, lines)


def function(code: Code, name: str) -> ast.FunctionDef:
    """The function of that name at the top."""
    return next(each for each in code.functions() if each.name == name)


def at_start(code: Code, function: ast.FunctionDef, lines: Sequence[str]) -> Edit:
    """What puts lines before all that a function does."""
    first = _first(function)
    start, _ = code.span(first)
    alone = first.lineno != function.lineno
    indent = " " * (first.col_offset if alone else 4)
    written = "".join(f"{line}\n{indent}" for line in lines)
    return start, start, written if alone else f"\n{indent}{written}"


def _first(function: ast.FunctionDef) -> ast.stmt:
    """The first statement that is not the docstring, if there is any."""
    body = function.body
    return body[1] if ast.get_docstring(function) is not None and len(body) > 1 else body[0]


def _roots(folder: Path) -> Iterator[str]:
    for entry in sys.path:
        if entry and folder.is_relative_to(entry) and folder != Path(entry):
            yield folder.relative_to(entry).parts[0]


def quoted(text: str | None) -> str:
    """As a formatter would have it."""
    return "None" if text is None else f'"{text}"'


def _tuple(ids: Sequence[str]) -> str:
    if len(ids) > 4:
        return "(\n" + "".join(f"    {quoted(each)},\n" for each in ids) + ")"
    return f"({', '.join(map(quoted, ids))}{',' if len(ids) == 1 else ''})"
