"""What a statement is, as its first words tell."""

import re

#: What may stand before the first word of a statement.
LEADING = r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*"

_WORD = re.compile(LEADING + r"([A-Za-z]+)", re.DOTALL)
_CHANGING_ROWS = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_TO_SAVEPOINT = re.compile(r"\bTO\b", re.IGNORECASE)
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)
_PASSING = {
    *("SELECT", "SHOW", "PRAGMA", "EXPLAIN", "VALUES", "TABLE", "SET", "RESET", "SAVEPOINT"),
    *("RELEASE", "ROLLBACK", "ANALYZE", "LOCK", "DISCARD", "VACUUM"),
}
_TRANSACTIONAL = {
    *("INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "CREATE", "ALTER", "DROP", "WITH", "DO"),
    *("TRUNCATE", "GRANT", "REVOKE", "COMMENT", "REFRESH", "REASSIGN"),
}
_ALONE = re.compile(
    LEADING
    + r"\w+\s+(?:UNIQUE\s+INDEX\s+CONCURRENTLY|INDEX\s+CONCURRENTLY|DATABASE|TABLESPACE|SYSTEM"
    r"|SUBSCRIPTION)\b|.*\bDETACH\s+PARTITION\b.*\bCONCURRENTLY\b"
    # A block of PL/pgSQL that commits.
    rf"|{LEADING}DO\b.*\b(?:COMMIT|ROLLBACK)\b",
    re.IGNORECASE | re.DOTALL,
)


def first_word(statement: str) -> str:
    """What a statement begins with, in capitals; "" for none."""
    found = _WORD.match(statement)
    return found.group(1).upper() if found else ""


def transactional(verb: str, statement: str) -> bool:
    """Whether a transaction may be around a statement, with what is written down of it."""
    return verb in _TRANSACTIONAL and not _ALONE.match(statement)


def returns_rows(statement: str) -> bool:
    """Whether what a statement changes is its answer too."""
    return _RETURNING.search(statement) is not None


def to_savepoint(statement: str) -> bool:
    """Whether a ROLLBACK goes back to a savepoint only."""
    return _TO_SAVEPOINT.search(statement) is not None


def passes(verb: str, statement: str) -> bool:
    """Whether a statement only reads, or sets something for the session: it is done each time."""
    return (
        not verb
        or verb in _PASSING
        or (verb == "WITH" and _CHANGING_ROWS.search(statement) is None)
    )
