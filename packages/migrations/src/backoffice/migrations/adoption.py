"""What an env.py needs so that autogenerate leaves the packages' tables to the packages."""

import ast
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from backoffice.migrations.autogenerate import of_a_package
from backoffice.migrations.connections import reading
from backoffice.migrations.copying import Code, Edit
from backoffice.migrations.environment import Environment
from backoffice.migrations.histories import APP
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


def sees_packages(app: AppHistory, url: str) -> bool:
    """Whether the app's own metadata holds the packages' tables, or it has none at all."""
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
    return not found or any(of_a_package(name) for each in found for name in each.tables)


def filtered(text: str) -> str | None:
    """The env.py with such a filter; the same where it has one, None where it takes a person."""
    if "env_options(" in text or '"backoffice_' in text or "'backoffice_" in text:
        return text
    code = Code(text)
    calls = [each for each in ast.walk(code.tree) if _configures(each)]
    edits: list[Edit] = []
    for call in calls:
        if not isinstance(call, ast.Call) or any(each.arg is None for each in call.keywords):
            return None
        edits.append(_argument(code, call))
    if not edits:
        return None
    place = _after_imports(code)
    return code.edited([*edits, (place, place, _FILTER)])


def diff(path: Path, before: str, after: str) -> str:
    """The change of a file, as people read it."""
    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), str(path), str(path)
    )
    return "".join(lines)


def _configures(node: ast.AST) -> bool:
    """Whether it is the call that names what autogenerate compares, for a connection."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    names = {each.arg for each in node.keywords}
    return node.func.attr == "configure" and (
        "connection" in names or None in names or bool(node.args)
    )


def _argument(code: Code, call: ast.Call) -> Edit:
    for each in call.keywords:
        if each.arg == "include_object":
            start, end = code.span(each.value)
            return start, end, f"leave_packages_out({ast.unparse(each.value)})"
    last = [*call.args, *(each.value for each in call.keywords)][-1]
    _, end = code.span(last)
    first = (call.args or [each.value for each in call.keywords])[0]
    own_lines = last.lineno != call.lineno and first.lineno != last.lineno
    between = ",\n" + " " * _indent(call, last) if own_lines else ", "
    return end, end, f"{between}include_object=leave_packages_out()"


def _indent(call: ast.Call, last: ast.expr) -> int:
    for each in call.keywords:
        if each.value is last:
            return each.col_offset
    return last.col_offset


def _after_imports(code: Code) -> int:
    imports = [each for each in code.tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    return code.span(imports[-1])[1] + 1 if imports else 0
