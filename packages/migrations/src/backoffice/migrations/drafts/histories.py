"""The tables that the revisions of a history make, by what stands in their files."""

import ast
import re
from collections.abc import Iterable, Iterator

#: Which argument of a call is the name of a table that there is from then on.
_MAKES = {"create_table": 0, "Table": 0, "rename_table": 1}
_KEYWORDS = {"table_name", "name", "new_table_name"}

_SQL = re.compile(
    r"""
    \b(?: create \s+ (?:\w+\s+)* table \s+ (?:if\s+not\s+exists\s+)?
        | alter \s+ table \s+ [^;()]*? \s rename \s+ to \s+ )
    ( [\w."`\[\]\\{}]+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def tables_made(sources: Iterable[str]) -> set[str]:
    """The names of all tables that these revisions make.

    A column or an index that is called as a table is does not make one. Where a revision computes
    the name, any of its words may be it.
    """
    return {name for source in sources for name in _made(source)}


def _made(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (argument := _argument(node)) is not None:
            yield from _words(argument) or _words(tree)
    for name in _SQL.findall(source):
        yield re.sub(r"[\"`\[\]\\]", "", name).rpartition(".")[2]


def _argument(call: ast.Call) -> ast.expr | None:
    """What a call names as the table that it makes."""
    position = _MAKES.get(ast.unparse(call.func).rpartition(".")[2])
    if position is None:
        return None
    if len(call.args) > position:
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg in _KEYWORDS), None)


def _words(node: ast.AST) -> list[str]:
    """The strings in a piece of Python."""
    return [
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
