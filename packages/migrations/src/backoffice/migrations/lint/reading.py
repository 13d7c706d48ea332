"""Reads a revision: runs it against a database that is none, and notes what each call sends."""

import ast
import builtins
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from backoffice.migrations.lint.operations import (
    Direction,
    Operation,
    Reading,
    Target,
    Unread,
)
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.lint.unreached import OBSERVER, LeftOut, left_out, observed

# Another one each time, so that what is said would never be the same.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def read(path: Path, target: Target, known: Schema | None = None) -> Reading:
    """What the revision in that file would do to the database.

    `known` is what stands in the database before it. A part that does not run without a database,
    or without what it imports, is read call by call, and named in `unread` where that fails too.
    It is kept from other connections, and its functions from files, processes and the network.
    """
    source = path.read_text("utf-8-sig", errors="replace")
    try:
        tree = ast.parse(source, str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        return Reading(path, source, "", (), unread=(Unread(line, f"no Python: {error}"),))
    revision, down = identity(tree)
    reader = _Reader(path, source, tree, target, known or Schema())
    with _quiet():
        upgrade, unread = reader.direction("upgrade")
        downgrade, undone = reader.direction("downgrade")
    both = sorted({*unread, *undone}, key=lambda each: (each.line, each.reason))
    return Reading(path, source, revision, down, upgrade, downgrade, tuple(both))


def identity(tree: ast.Module) -> tuple[str, tuple[str, ...]]:
    """The id of a revision and of those it follows, as its module has them written out."""
    found: dict[str, Any] = {"revision": "", "down_revision": None}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for each in targets:
                if isinstance(each, ast.Name) and each.id in found:
                    found[each.id] = _literal(node.value)
    down = found["down_revision"]
    follows = (down,) if isinstance(down, str) else down if isinstance(down, tuple | list) else ()
    return str(found["revision"] or ""), tuple(map(str, follows))


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


class _Reader:
    """Reads one file, one direction after the other, each in a module of its own."""

    def __init__(
        self, path: Path, source: str, tree: ast.Module, target: Target, known: Schema
    ) -> None:
        self.path, self.source, self.tree = path, source, tree
        self.target, self.known = target, known

    def direction(self, direction: Direction) -> tuple[tuple[Operation, ...], tuple[Unread, ...]]:
        """The operations of `upgrade()` or `downgrade()`, and what could not be read of it."""
        from backoffice.migrations.lint.absent import Imports
        from backoffice.migrations.lint.calls import Calls
        from backoffice.migrations.lint.confinement import ACTING, CONNECTING, refusing
        from backoffice.migrations.lint.recording import recorded

        function = _function(self.tree, direction)
        if function is None:
            missing = Unread(1, "there is no upgrade() in it")
            return (), (missing,) if direction == "upgrade" else ()
        calls = Calls(str(self.path), direction)
        imports = Imports()
        unread: list[Unread] = []
        with (
            recorded(self.target, self.known, calls.hear) as connection,
            calls.listening(connection),
        ):
            variables: dict[str, Any] = {}
            namespace = self._namespace(imports, variables.update)
            try:
                code = compile(observed(self.tree, function), str(self.path), "exec")
                with refusing(CONNECTING):
                    exec(code, namespace)  # noqa: S102 - the project's own file, as Alembic runs it
                with refusing(ACTING):
                    namespace[direction]()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise anything
                line = _line(error, self.path, function.lineno)
                unread += [] if _refused(function, line) else [Unread(line, _told(error))]
            for part in left_out(function, calls.reached, self.target.dialect):
                with calls.uncertain():
                    unread += _attempt(part, namespace, variables, self.path)
        for name, reason in imports.missing.items():
            unread.append(Unread(_imported(self.tree, name), f"import of {name}: {reason}"))
        return calls.operations(), tuple(_relevant(unread))

    def _namespace(self, imports: Any, observe: Any) -> dict[str, Any]:
        held = {**vars(builtins), "__import__": imports, "input": _nobody, OBSERVER: observe}
        return {"__name__": self.path.stem, "__file__": str(self.path), "__builtins__": held}


def _attempt(
    part: LeftOut, namespace: dict[str, Any], variables: dict[str, Any], path: Path
) -> Iterator[Unread]:
    """Run one statement that was not come to, by itself."""
    from backoffice.migrations.lint.confinement import ACTING, refusing

    code = compile(part.module(), str(path), "exec")
    try:
        with refusing(ACTING):
            exec(code, {**namespace, **part.variables(), **variables})  # noqa: S102
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise anything
        yield Unread(part.statement.lineno, _told(error))


def _relevant(found: list[Unread]) -> Iterator[Unread]:
    """One reason for a line is enough."""
    seen: set[int] = set()
    for each in found:
        if each.line not in seen:
            seen.add(each.line)
            yield each


def _function(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    found = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name]
    return found[-1] if found else None


def _refused(function: ast.FunctionDef, line: int) -> bool:
    """Whether a way back says at that line that there is none."""
    return function.name == "downgrade" and any(
        isinstance(each, ast.Raise) and each.lineno == line for each in function.body
    )


def _imported(tree: ast.Module, name: str) -> int:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            named = [each.name for each in node.names]
            if name.lstrip(".") in (module, *named) or any(name == f"{module}.{n}" for n in named):
                return node.lineno
    return 1


def _line(error: BaseException, path: Path, otherwise: int) -> int:
    """The line of the file that raised."""
    found, trace = otherwise, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _told(error: BaseException) -> str:
    told = str(error).strip().splitlines()
    first = _ADDRESS.sub("", told[0]) if told else ""
    return f"{type(error).__name__}: {first}".rstrip(": ")


def _nobody(_: object = "") -> str:
    raise EOFError("nobody can be asked while reading")


@contextmanager
def _quiet() -> Iterator[None]:
    """What a revision prints or warns of is said when it runs, not when it is read."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield
