"""What stands before a step is committed with it: how a second attempt tells that it was done."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backoffice.migrations.fixes import raw
from backoffice.migrations.fixes.calls import Call, identifier
from backoffice.migrations.fixes.pieces import Piece
from backoffice.migrations.fixes.source import Source
from backoffice.migrations.fixes.steps import quoted

#: SQL that does the same when it is done twice.
_REPEATABLE = re.compile(
    r"\s*(SET|RESET|COMMENT|ANALYZE|GRANT|REVOKE|DELETE|TRUNCATE|LOCK|SELECT\s+set_config)\b"
    r"|\s*(CREATE|ALTER|DROP)\b.*\bIF\s+(NOT\s+)?EXISTS\b"
    r"|\s*CREATE\s+OR\s+REPLACE\b"
    r"|\s*INSERT\b.*\bON\s+CONFLICT\b"
    r"|\s*ALTER\s+TABLE\s+\S+\s+ALTER\s+(COLUMN\s+)?\S+\s+(SET|DROP)\s+(DEFAULT|NOT\s+NULL)\b",
    re.IGNORECASE | re.DOTALL,
)
_TAKEN = re.compile(r"\bRENAME\b|\bDROP\b(?!\s+(CONSTRAINT|INDEX|DEFAULT|NOT)\b)", re.IGNORECASE)
_UPDATE = re.compile(
    r"\s*UPDATE\s+(?:ONLY\s+)?\S+\s+SET\s+(\w+)\s*=\s*(.*?)\s*(?:\bWHERE\b(.*))?;?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_COMMITS = re.compile(
    r"\bautocommit_block\(|\bcommit\(\)|AUTOCOMMIT|['\"](\\n|\s)*(COMMIT|END|BEGIN|START|ROLLBACK)\b",
    re.IGNORECASE,
)
#: Calls that only look, or describe.
_HARMLESS = re.compile(
    r"(?:\w+\.)*(get_\w+|has_\w+|f|inspect|set|list|text|table|column|Table|MetaData|Column|getLogger"
    r"|String|Integer|BigInteger|Boolean|Text|Uuid|UUID|Enum|DateTime|Date|Numeric|Float|JSON|JSONB)"
)


@dataclass(frozen=True)
class Guard:
    """The question that is true when a run was done, and the function that asks it.

    One that is not `lasting` is answered otherwise before the run or long after it, since other
    statements make or take away the same thing.
    """

    question: str
    routine: str
    lasting: bool = True


def repeatable(piece: Piece) -> bool:
    """Whether a statement may be done twice."""
    return (
        piece.mended
        or describes(piece.statement)
        or all(call is not None and _twice(call) for call in piece.calls)
    )


def describes(statement: ast.stmt) -> bool:
    """Whether a statement changes nothing of a PostgreSQL: it gives a name to something."""
    if _elsewhere(statement):
        return True
    if isinstance(statement, ast.Pass | ast.Import | ast.ImportFrom | ast.FunctionDef):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    calls = [each for each in ast.walk(statement) if isinstance(each, ast.Call)]
    return all(_HARMLESS.fullmatch(ast.unparse(each.func)) for each in calls)


def guard(run: Sequence[Piece], earlier: Sequence[Piece], later: Sequence[Piece]) -> Guard | None:
    """How the catalog tells that a run was done: by anything that it makes or takes away.

    All of a run is committed at once, so that one thing tells of all. Not by a thing that the
    revision changes elsewhere as well, unless nothing else is done with it.
    """
    if any(map(commits, run)):
        return None
    unnamed = {call.table for call in _calls(later) if _unnamed(call)}
    told = [(call, each) for call in _calls(run) for each in _told(call)]
    names = {name for call in _calls([*earlier, *later]) for name in _names(call)}
    for call, (question, routine, name) in told:
        again = name in names or (call.verb == "drop_constraint" and call.table in unnamed)
        if call.schema_known and (not again or len(run) == 1):
            return Guard(question, routine, lasting=not again)
    return None


def destructive(run: Sequence[Piece]) -> bool:
    """Whether a run may take away what those before it work on: an index or a constraint is made
    anew whether or not another one is there."""
    for piece in run:
        if piece.mended or describes(piece.statement):
            continue
        for call in piece.calls:
            if call is None or call.verb in ("drop_column", "drop_table", "rename_table"):
                return True
            if call.verb == "alter_column" and "new_column_name" in call:
                return True
            if call.verb == "execute" and _takes_away(call.string("sqltext")):
                return True
    return False


def commits(piece: Piece) -> bool:
    """Whether a statement ends the transaction, itself or in a function of the file's."""
    if _elsewhere(piece.statement):
        return False
    return _COMMITS.search(_mentioned(piece.statement, piece.source)) is not None


def escaping(run: Sequence[Piece], later: Sequence[Piece]) -> bool:
    """Whether a run gives names to what is used after it."""
    bound = {
        each.id
        for piece in run
        for each in ast.walk(piece.statement)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    used = {
        each.id
        for piece in later
        for each in ast.walk(piece.statement)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }
    return bool(bound & used)


def _unnamed(call: Call) -> bool:
    """Whether a constraint may get the very name of one that was there before."""
    made = call.verb in ("create_foreign_key", "create_unique_constraint")
    return made and call.string("constraint_name") is None


def _twice(call: Call) -> bool:
    if call.verb == "execute":
        return _sql_twice(call.string("sqltext"))
    if call.verb == "alter_column":
        return "new_column_name" not in call and "type_" not in call
    return call.value("if_exists") is True or call.value("if_not_exists") is True


def _elsewhere(statement: ast.stmt) -> bool:
    """Whether it is for another kind of database alone: `if ....dialect.name == "sqlite": ...`."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    match statement.test:
        case ast.Compare(
            left=ast.Attribute(attr="name", value=ast.Attribute(attr="dialect")),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value=str(kind))],
        ):
            return kind != "postgresql"
    return False


def _mentioned(statement: ast.stmt, source: Source) -> str:
    """A statement, and the functions of the file that it calls."""
    names = {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}
    called = [each for each in map(source.function, sorted(names)) if each is not None]
    texts = [ast.unparse(each) for each in (statement, *called)]
    return "\n".join(texts)


def _sql_twice(sql: str | None) -> bool:
    if sql is None or ";" in sql.strip().rstrip(";"):
        return False
    update = _UPDATE.match(sql)
    if update is None:
        return _REPEATABLE.match(sql) is not None
    column, value, where = (part or "" for part in update.groups())
    mentions = rf"\b{re.escape(column)}\b"
    if re.search(rf"{mentions}\s+IS\s+NULL", where, re.IGNORECASE):
        return True
    return re.search(mentions, value, re.IGNORECASE) is None and "," not in value


def _takes_away(sql: str | None) -> bool:
    return sql is None or _TAKEN.search(sql) is not None


def _calls(pieces: Sequence[Piece]) -> Iterator[Call]:
    for piece in pieces:
        yield from (call for call in piece.calls if call is not None)


def _told(call: Call) -> Iterator[tuple[str, str, str]]:
    """Questions that are true once the call was done, with the name that they are about."""
    table = quoted(call.qualified)
    match call.verb:
        case "execute":
            yield from _told_by_sql(call)
        case "create_table" | "drop_table" if call.table:
            yield _asked("create" in call.verb, "table", table, name=call.table)
        case "add_column":
            if (name := _column(call)) is not None and call.table:
                yield _asked(True, "column", table, quoted(name), name=f"{call.table}.{name}")
        case "drop_column" if (name := call.string("column_name")) is not None and call.table:
            yield _asked(False, "column", table, quoted(name), name=f"{call.table}.{name}")
        case "alter_column" if (name := call.string("new_column_name")) is not None and call.table:
            yield _asked(True, "column", table, quoted(name), name=f"{call.table}.{name}")
        case "create_index" | "drop_index" if (name := call.string("index_name")) is not None:
            index = quoted(identifier(name, call.schema))
            yield _asked("create" in call.verb, "table", index, name=name)
        case "rename_table" if (name := call.string("new_table_name")) is not None:
            yield _asked(True, "table", quoted(identifier(name, call.schema)), name=name)
        case "create_foreign_key" | "create_unique_constraint" if call.string("constraint_name"):
            name = call.string("constraint_name") or ""
            yield _asked(True, "constraint", table, quoted(name), name=name)
        case "drop_constraint" if (name := call.string("constraint_name")) is not None:
            if call.table and (call.final or call.string("type_") != "check"):
                yield _asked(False, "constraint", table, quoted(name), name=name)


def _told_by_sql(call: Call) -> Iterator[tuple[str, str, str]]:
    for there, kind, table, name in raw.told(call):
        names = [quoted(table), *([quoted(name)] if name else [])]
        yield _asked(
            there, kind, *names, name=f"{table}.{name}" if kind == "column" else name or table
        )


def _asked(there: bool, kind: str, *arguments: str, name: str) -> tuple[str, str, str]:
    routine = f"_{'has' if there else 'lacks'}_{kind}"
    return f"{routine}({', '.join(arguments)})", routine, name


def _names(call: Call) -> Iterator[str]:
    for _, _, name in _told(call):
        yield name
    if call.verb in ("drop_table", "rename_table"):
        yield call.table or call.string("old_table_name") or ""
    if call.verb == "alter_column" and "new_column_name" in call:
        yield f"{call.table}.{call.string('column_name')}"


def _column(call: Call) -> str | None:
    node = call.arguments.get("column")
    if not isinstance(node, ast.Call) or not node.args:
        return None
    name = call.literal(node.args[0])
    return name if isinstance(name, str) else None
