"""Small functions that are written into a revision beside its upgrade(): plain Alembic, so that
the history needs nothing of ours to run.

Each answers False where no PostgreSQL can be asked, on SQLite and under --sql: everything is then
done as written.
"""

from collections.abc import Iterable

from backoffice.migrations.fixes.contraction import CONTRACTION
from backoffice.migrations.fixes.doubles import DOUBLES
from backoffice.migrations.fixes.routine import Routine
from backoffice.migrations.fixes.twins import TWINS


def _question(name: str, arguments: str, told: str, *query: str) -> Routine:
    names = [each.partition(":")[0].strip() for each in arguments.split(",")]
    lines = [*(f'"{each}"' for each in query[:-1]), f'"{query[-1]}",']
    lines += [f"{each}={each}," for each in names]
    asked = "".join(f"        {each}\n" for each in lines)
    return Routine(
        f'def {name}({arguments}) -> bool:\n    """{told}"""\n    return _asked(\n{asked}    )\n',
        calls=("_asked",),
    )


_TABLE = "to_regclass(:table)"
_COLUMN = (
    f"EXISTS (SELECT FROM pg_attribute WHERE attrelid = {_TABLE}",
    " AND attname = :column AND NOT attisdropped)",
)
_CONSTRAINT = (
    f"EXISTS (SELECT FROM pg_constraint WHERE conrelid = {_TABLE}",
    " AND conname = :name)",
)

_ASKED = '''
def _asked(query: str, **names: str) -> bool:
    """What PostgreSQL answers; False where there is none to ask, as under --sql."""
    context = op.get_context()
    if context.as_sql or context.dialect.name != "postgresql":
        return False
    return bool(op.get_bind().execute(sa.text(query), names).scalar())
'''

_PATIENTLY = '''
@contextlib.contextmanager
def _patiently() -> Iterator[None]:
    """Nobody waits for what is done within, so no limit of time may break it off."""
    if op.get_context().dialect.name != "postgresql":
        yield
        return
    limits = ("lock_timeout", "statement_timeout")
    for limit in limits:
        op.execute(f"SELECT set_config('kept.{limit}', current_setting('{limit}'), false)")
        op.execute(f"SET {limit} = 0")
    try:
        yield
    finally:
        for limit in limits:
            op.execute(f"SELECT set_config('{limit}', current_setting('kept.{limit}'), false)")
'''

_CONCURRENTLY = '''
@contextlib.contextmanager
def _concurrently(index: str) -> Iterator[None]:
    """Builds an index beside the traffic, whatever became of an earlier attempt."""
    while _asked(
        "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index"
        " WHERE index_relid = to_regclass(:index))",
        index=index,
    ):
        time.sleep(0.5)  # it outlives the client that was killed
    _drop_if_invalid(index)
    try:
        with _patiently():
            yield
    except sa.exc.IntegrityError:
        _drop_if_invalid(index)
        raise
'''

_DROP_IF_INVALID = '''
def _drop_if_invalid(index: str) -> None:
    """An index whose building broke off costs every write, and serves nobody."""
    if _asked(
        "SELECT EXISTS (SELECT FROM pg_index"
        " WHERE indexrelid = to_regclass(:index) AND NOT indisvalid)",
        index=index,
    ):
        with _patiently():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
'''

_VALIDATE = '''
def _validate(table: str, constraint: str) -> None:
    """Reads every row while others write; a constraint that they break is taken away again."""
    try:
        with _patiently():
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")
    except sa.exc.IntegrityError:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}")
        raise
'''

_NAMED = '''
def _named(constraint: AddConstraintOp, otherwise: str) -> str:
    """The name that env.py's naming convention gives it, else that of PostgreSQL."""
    return str(constraint.to_constraint(op.get_context()).name or otherwise)
'''

_UNUSED = '''
def _refuse_if_used(table: str, column: str, other: str, *ours: str) -> None:
    """What hangs on a column would be lost with it: an index, a key, a view."""
    if op.get_context().as_sql:
        return
    used = op.get_bind().execute(
        sa.text(
            "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend"
            " JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid"
            " WHERE refclassid = 'pg_class'::regclass AND refobjid = to_regclass(:table)"
            " AND attname = :column AND objid NOT IN"
            " (SELECT oid FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum)"
            " UNION ALL SELECT 'a GRANT of its own' FROM pg_attribute"
            " WHERE attrelid = to_regclass(:table) AND attname = :column AND attacl IS NOT NULL"
        ),
        {"table": table, "column": column},
    )
    left = [each for each in used.scalars() if not any(name in each for name in ours)]
    if left:
        op.execute(f'ALTER TABLE {table} DROP COLUMN "{other}"')
        raise RuntimeError(f"{table}.{column} is used by {', '.join(left)}; nothing was changed")
'''

_OR_UNDONE = '''
@contextlib.contextmanager
def _or_undone(table: str, column: str, function: str) -> Iterator[None]:
    """What the rows refuse is taken away again; what was only blocked is gone on with later."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""
        if code[:2] in ("0A", "22", "23", "2B", "42"):
            op.execute(f"DROP FUNCTION IF EXISTS {function} CASCADE")
            op.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {column}")
        raise
'''

_CONTEXTS = ("import contextlib", "from collections.abc import Iterator")

ROUTINES = {
    **TWINS,
    **CONTRACTION,
    **DOUBLES,
    "_has_table": _question(
        "_has_table",
        "table: str",
        "Whether a table or an index is there.",
        f"SELECT {_TABLE} IS NOT NULL",
    ),
    "_lacks_table": _question(
        "_lacks_table",
        "table: str",
        "Whether a table or an index is gone.",
        f"SELECT {_TABLE} IS NULL",
    ),
    "_has_column": _question(
        "_has_column",
        "table: str, column: str",
        "Whether a table has a column.",
        f"SELECT {_COLUMN[0]}",
        _COLUMN[1],
    ),
    "_lacks_column": _question(
        "_lacks_column",
        "table: str, column: str",
        "Whether a column is gone.",
        f"SELECT NOT {_COLUMN[0]}",
        _COLUMN[1],
    ),
    "_has_constraint": _question(
        "_has_constraint",
        "table: str, name: str",
        "Whether a table has a constraint.",
        f"SELECT {_CONSTRAINT[0]}",
        _CONSTRAINT[1],
    ),
    "_lacks_constraint": _question(
        "_lacks_constraint",
        "table: str, name: str",
        "Whether a constraint is gone.",
        f"SELECT NOT {_CONSTRAINT[0]}",
        _CONSTRAINT[1],
    ),
    "_have_one_type": _question(
        "_have_one_type",
        "table: str, column: str, other: str",
        "Whether two columns are of one type.",
        "SELECT count(DISTINCT (atttypid, atttypmod, attcollation)) = 1 FROM pg_attribute",
        f" WHERE attrelid = {_TABLE} AND attname IN (:column, :other)",
    ),
    "_named": Routine(_NAMED, ("from alembic.operations.ops import AddConstraintOp",)),
    "_concurrently": Routine(
        _CONCURRENTLY,
        (*_CONTEXTS, "import time"),
        ("_asked", "_patiently", "_drop_if_invalid"),
    ),
    "_drop_if_invalid": Routine(_DROP_IF_INVALID, calls=("_asked", "_patiently")),
    "_validate": Routine(_VALIDATE, calls=("_patiently",)),
    "_patiently": Routine(_PATIENTLY, _CONTEXTS),
    "_or_undone": Routine(_OR_UNDONE, _CONTEXTS),
    "_refuse_if_used": Routine(_UNUSED),
    "_asked": Routine(_ASKED),
}


def needed(names: Iterable[str]) -> dict[str, Routine]:
    """These routines and all that they call, each after those who call it."""
    wanted: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in wanted:
            wanted.add(name)
            left += ROUTINES[name].calls
    return {name: each for name, each in ROUTINES.items() if name in wanted}


def written(text: str) -> str:
    """A routine's text as it stands in the file."""
    return text.strip("\n") + "\n"
