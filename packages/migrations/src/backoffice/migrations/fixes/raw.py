"""SQL that a revision writes out, `op.execute("CREATE INDEX ...")`, made safe in the same way."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from backoffice.migrations.fixes.calls import Call, identifier
from backoffice.migrations.fixes.columns import not_null
from backoffice.migrations.fixes.steps import ByHand, Rename, Step, execute, indented, quoted

_NAME = r"(?:\"[^\"]+\"|\w+)"
_TABLE = rf"(?:(?P<schema>{_NAME})\.)?(?P<table>{_NAME})"
_ALTER = rf"ALTER\s+TABLE\s+(?:ONLY\s+)?{_TABLE}\s+"

_INDEX = (
    rf"CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?P<name>{_NAME})\s+ON\s+(?P<rest>(?:ONLY\s+)?{_TABLE}(?=[\s(]).*)"
)
_DROP = (
    rf"DROP\s+INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?"
    rf"(?P<name>(?:{_NAME}\.)?{_NAME})(?:\s+RESTRICT)?"
)
_CHECKED = (
    rf"{_ALTER}ADD\s+CONSTRAINT\s+(?P<name>{_NAME})\s+(?P<rest>(?:FOREIGN\s+KEY|CHECK)\b.*?)"
    r"(?P<unchecked>\s+NOT\s+VALID)?"
)
_UNIQUE = rf"{_ALTER}ADD\s+CONSTRAINT\s+(?P<name>{_NAME})\s+UNIQUE\s*(?P<columns>\([^()]*\))"
_VALIDATED = rf"{_ALTER}VALIDATE\s+CONSTRAINT\s+(?P<name>{_NAME})"
_REQUIRED = rf"{_ALTER}ALTER\s+(?:COLUMN\s+)?(?P<column>{_NAME})\s+SET\s+NOT\s+NULL"
_RENAMED = (
    rf"{_ALTER}RENAME\s+(?:COLUMN\s+)?(?P<old>(?!CONSTRAINT\s|TO\s){_NAME})\s+TO\s+(?P<new>{_NAME})"
)
_ALONE = r"(?:VACUUM|REINDEX)\b.*"

#: What a statement makes or takes away, by kind, with whether it is there afterwards.
_TOLD = (
    (rf"CREATE\s+TABLE\s+{_TABLE}\b(?!\s+PARTITION)", "table", True),
    (rf"DROP\s+TABLE\s+{_TABLE}\s*(?:CASCADE)?\Z", "table", False),
    (rf"{_ALTER}ADD\s+CONSTRAINT\s+(?P<name>{_NAME})", "constraint", True),
    (rf"{_ALTER}DROP\s+CONSTRAINT\s+(?P<name>{_NAME})", "constraint", False),
    (rf"{_ALTER}DROP\s+COLUMN\s+(?P<name>{_NAME})", "column", False),
    (rf"{_ALTER}ADD\s+COLUMN\s+(?P<name>{_NAME})", "column", True),
)

Found = re.Match[str]
_SEVERAL = ByHand("it does several things in one statement: write them apart")


def raw(call: Call) -> Step | ByHand | None:
    """What to do instead of one statement; None for one of which nothing is known."""
    sql = _on_one_line((call.string("sqltext") or "").strip().rstrip(";").rstrip())
    for pattern, fixer in _FIXERS.items():
        found = re.fullmatch(pattern, sql, re.IGNORECASE | re.DOTALL)
        if found is not None:
            return _SEVERAL if _several(sql) else fixer(call, found)
    return None


def raw_table(call: Call) -> str | None:
    """The table that such a statement is about."""
    sql = (call.string("sqltext") or "").strip()
    for pattern in (_ALTER, _INDEX):
        found = re.match(pattern, sql, re.IGNORECASE | re.DOTALL)
        if found is not None:
            return _bare(found["table"])
    return None


def told(call: Call) -> Iterator[tuple[bool, str, str, str]]:
    """What such a statement leaves: whether it is there, its kind, table and name."""
    sql = (call.string("sqltext") or "").strip().rstrip(";")
    if _several(sql):
        return
    for pattern, kind, there in _TOLD:
        found = re.match(pattern, sql, re.IGNORECASE)
        if found is not None:
            yield there, kind, _qualified(found), _bare(found.groupdict().get("name") or "")


def _index(call: Call, found: Found) -> Step:
    unique = "UNIQUE " if found["unique"] else ""
    sql = f"CREATE {unique}INDEX CONCURRENTLY IF NOT EXISTS {found['name']} ON {found['rest']}"
    lines = [
        f"with _concurrently({quoted(_beside(found))}):",
        *indented(execute(call.op, sql)),
    ]
    return Step(tuple(lines), ("_concurrently",), portable=False)


def _dropped(call: Call, found: Found) -> Step:
    sql = f"DROP INDEX CONCURRENTLY IF EXISTS {found['name']}"
    lines = ["with _patiently():", *indented(execute(call.op, sql))]
    return Step(tuple(lines), ("_patiently",), portable=False)


def _checked(call: Call, found: Found) -> Step | None:
    if found["unchecked"]:
        return None
    table, name = _qualified(found), found["name"]
    sql = f"ALTER TABLE {table} ADD CONSTRAINT {name} {found['rest']} NOT VALID"
    lines = [
        *_unless_there(table, name, execute(call.op, sql)),
        f"_validate({quoted(table)}, {quoted(name)})",
    ]
    return Step(tuple(lines), ("_has_constraint", "_validate"))


def _unique(call: Call, found: Found) -> Step:
    table, name = _qualified(found), found["name"]
    made = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {found['columns']}"
    taken = f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"
    built = [
        f"with _concurrently({quoted(_beside(found))}):",
        *indented(execute(call.op, made)),
        *execute(call.op, taken),
    ]
    return Step(tuple(_unless_there(table, name, built)), ("_has_constraint", "_concurrently"))


def _validated(_: Call, found: Found) -> Step:
    line = f"_validate({quoted(_qualified(found))}, {quoted(found['name'])})"
    return Step((line,), ("_validate",))


def _required(call: Call, found: Found) -> Step:
    about = replace(
        call,
        arguments={
            "table_name": ast.Constant(_bare(found["table"])),
            **({"schema": ast.Constant(_bare(found["schema"]))} if found["schema"] else {}),
        },
    )
    table, column = _qualified(found), found["column"]
    altered = execute(call.op, f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")
    lines = not_null(about, _bare(column), altered)
    return Step(tuple(lines), ("_has_constraint", "_validate"))


def renamed(call: Call) -> Rename | None:
    """The column that such a statement gives another name."""
    sql = _on_one_line((call.string("sqltext") or "").strip().rstrip(";").rstrip())
    found = re.fullmatch(_RENAMED, sql, re.IGNORECASE)
    if found is None:
        return None
    schema = _bare(found["schema"]) if found["schema"] else None
    return Rename(_bare(found["table"]), schema, _bare(found["old"]), _bare(found["new"]))


def _alone(call: Call, _: Found) -> Step:
    return Step(tuple(execute(call.op, call.string("sqltext") or "")), portable=False)


def _unless_there(table: str, name: str, lines: list[str]) -> list[str]:
    return [f"if not _has_constraint({quoted(table)}, {quoted(_bare(name))}):", *indented(lines)]


def _on_one_line(sql: str) -> str:
    """The same where it cannot matter: nothing in it is quoted, and no comment ends with a line."""
    return sql if re.search(r"['\"$]|--", sql) else " ".join(sql.split())


def _several(sql: str) -> bool:
    """Whether another action or statement follows, outside of brackets and quotes."""
    bare = re.sub(r"'(?:[^']|'')*'", "", sql)
    if "--" in bare or "/*" in bare:
        return True
    while (inner := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = inner
    return ";" in bare or "," in bare or re.search(r"(?<!:):\w", bare) is not None


def _bare(name: str) -> str:
    """A name as the catalog has it."""
    return name[1:-1] if name.startswith('"') else name.lower()


def _qualified(found: Found) -> str:
    schema = _bare(found["schema"]) if found["schema"] else None
    return identifier(_bare(found["table"]), schema)


def _beside(found: Found) -> str:
    """An index lies in the schema of its table."""
    return f"{found['schema']}.{found['name']}" if found["schema"] else found["name"]


_FIXERS: dict[str, Callable[[Call, Found], Step | ByHand | None]] = {
    _INDEX: _index,
    _DROP: _dropped,
    _CHECKED: _checked,
    _UNIQUE: _unique,
    _VALIDATED: _validated,
    _REQUIRED: _required,
    _ALONE: _alone,
}
