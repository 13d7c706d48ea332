"""What an env.py needs so that autogenerate leaves the packages' tables to the packages."""

import ast
import shutil
import tokenize
from collections.abc import Sequence
from difflib import unified_diff
from io import BytesIO
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from backoffice.core.errors import SetupError
from backoffice.migrations.connections import reading
from backoffice.migrations.copying import Code, Edit
from backoffice.migrations.environment import Environment
from backoffice.migrations.histories import APP
from backoffice.migrations.locations import leaves_packages_out
from backoffice.migrations.project import AppHistory
from backoffice.migrations.steps import Steps

_FILTER = '''

def leave_packages_out(mine=None):
    """The tables of Backoffice's packages come by `backoffice migrate`, not by autogenerate."""

    def include_object(item, name, kind, reflected, other):
        packages = ("backoffice_", "alembic_version_backoffice_")
        if kind == "table" and (name or "").startswith(packages):
            return False
        return mine is None or mine(item, name, kind, reflected, other)

    return include_object
'''
#: What to do by hand where the file is too much of its own kind.
BY_HAND = (
    "have it leave the packages' tables out of what autogenerate sees: "
    "context.configure(..., include_object=...) must be False for tables whose names begin with "
    "backoffice_ or alembic_version_backoffice_; `backoffice.migrations.env_options()` is such"
)


def compares(app: AppHistory, url: str) -> bool:
    """Whether env.py names metadata, of which autogenerate takes what is not in it for dropped.

    What the metadata holds here tells nothing of what it holds for the `alembic` command, which
    imports none of the packages: SQLModel has one for all.
    """
    found: list[MetaData] = []
    with Steps(APP, lambda _: None).explained(), reading(url) as engine:
        environment = Environment(app, engine.url)

        # Any: the heads are Alembic's.
        def work(_: Any, context: MigrationContext) -> Sequence[Any]:
            target = context.opts.get("target_metadata") or ()
            found.extend([target] if isinstance(target, MetaData) else target)
            return ()

        with engine.connect() as connection:
            environment.run(work, connection=connection, dont_mutate=True)
    return bool(found)


def filtered(text: str) -> str | None:
    """The env.py with such a filter; the same where it has one, None where it takes a person."""
    if leaves_packages_out(text):
        return text
    try:
        code = Code(text)
    except SyntaxError:
        return None
    calls = [each for each in ast.walk(code.tree) if isinstance(each, ast.Call)]
    edits = [_argument(code, each) for each in calls if _configures(each)]
    if not edits or None in edits:
        return None
    place = _after_imports(code)
    return code.edited([*filter(None, edits), (place, place, _FILTER)])


def source(path: Path) -> str:
    """The text of a Python file, whatever its encoding; its line ends are `\\n`."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {error}") from None


def rewrite(path: Path, text: str) -> None:
    """Put another text into a Python file, whole or not at all, in its encoding and line ends."""
    real = path.resolve()
    part = real.with_name(f".{real.name}.part")
    try:
        before = real.read_bytes()
        encoding, _ = tokenize.detect_encoding(BytesIO(before).readline)
        ends = "\r\n" if b"\r\n" in before else "\n"
        part.write_text(text, encoding, newline=ends)
        shutil.copymode(real, part)
        part.replace(real)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from None


def diff(path: Path, before: str, after: str) -> str:
    """The change of a file, as people read it."""
    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), str(path), str(path)
    )
    return "".join(lines)


def _configures(call: ast.Call) -> bool:
    """Whether it is the call that names what autogenerate compares, for a connection."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "configure":
        return False
    names = {each.arg for each in call.keywords}
    return "context" in ast.unparse(call.func.value) and (
        "connection" in names or None in names or bool(call.args)
    )


def _argument(code: Code, call: ast.Call) -> Edit | None:
    """What puts the filter among its arguments; None where nobody knows which these are."""
    others = [each.value for each in call.keywords if each.arg is None]
    for each in call.keywords:
        if each.arg == "include_object":
            start, end = code.span(each.value)
            return start, end, f"leave_packages_out({ast.unparse(each.value)})"
    if others:
        return _option(code, others)
    last = [*call.args, *(each.value for each in call.keywords)][-1]
    _, end = code.span(last)
    first = (call.args or [each.value for each in call.keywords])[0]
    own_lines = last.lineno != call.lineno and first.lineno != last.lineno
    between = ",\n" + " " * _indent(call, last) if own_lines else ", "
    return end, end, f"{between}include_object=leave_packages_out()"


def _option(code: Code, others: Sequence[ast.expr]) -> Edit | None:
    """The same, where arguments come in a dictionary, as Flask-Migrate's env.py has it."""
    if len(others) > 1 or not isinstance(others[0], ast.Name | ast.Attribute):
        return None
    options = ast.unparse(others[0])
    mine = f'leave_packages_out({options}.get("include_object"))'
    return *code.span(others[0]), f'{{**{options}, "include_object": {mine}}}'


def _indent(call: ast.Call, last: ast.expr) -> int:
    for each in call.keywords:
        if each.value is last:
            return each.col_offset
    return last.col_offset


def _after_imports(code: Code) -> int:
    imports = [each for each in code.tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    return code.line_after(imports[-1]) if imports else 0
