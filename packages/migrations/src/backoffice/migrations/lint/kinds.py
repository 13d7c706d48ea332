"""Conditions on the kind of database, as revisions write them."""

import ast
import re

from backoffice.migrations.lint.operations import DialectName

_KINDS = {"postgres": "postgresql"} | {
    each: each
    for each in ("postgresql", "sqlite", "mysql", "mariadb", "mssql", "oracle", "cockroachdb")
}
# `is_sqlite`, or a function of that name.
_NAMED = re.compile(rf"_?is_({'|'.join(sorted(_KINDS, reverse=True))})(?:_dialect|_database|_db)?")


def holds(test: ast.expr, dialect: DialectName) -> bool | None:
    """Whether a condition holds on that kind of database; None where it asks for more."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = holds(test.operand, dialect)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        decides = isinstance(test.op, ast.Or)
        found = [holds(each, dialect) for each in test.values]
        if decides in found:
            return decides
        return None if None in found else not decides
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test, dialect)
    named = _NAMED.fullmatch(ast.unparse(test).removesuffix("()").rpartition(".")[2])
    return _KINDS[named.group(1)] == dialect if named else None


def _compared(test: ast.Compare, dialect: DialectName) -> bool | None:
    texts = {
        each.value
        for each in ast.walk(test)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }
    if not texts or not texts <= _KINDS.keys():
        return None
    among = dialect in {_KINDS[each] for each in texts}
    if isinstance(test.ops[0], ast.Eq | ast.In):
        return among
    return not among if isinstance(test.ops[0], ast.NotEq | ast.NotIn) else None
