"""Notes which call of a revision sends which statement."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from types import FrameType
from typing import Any, cast

from alembic.config import Config
from alembic.operations import BatchOperations, Operations
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.util.langhelpers import ModuleClsProxy
from sqlalchemy import Connection

from backoffice.migrations.lint.operations import Direction, Operation, Span, Statement

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_NAMES = {"ExecuteSQLOp": "execute", "CreateTableCommentOp": "create_table_comment"}


@dataclass
class _Draft:
    """A call that is under way, or over."""

    name: str
    span: Span
    call: Any = None
    batch: str | None = None
    certain: bool = True
    #: The line of `upgrade()` itself, where the call stands in a function that it calls.
    order: int = 0
    statements: list[Statement] = field(default_factory=list)


class Calls:
    """The calls of one direction of one file."""

    def __init__(self, filename: str, direction: Direction) -> None:
        self.filename = filename
        self.direction = direction
        #: The lines on which something was called.
        self.reached: set[int] = set()
        self._drafts: list[_Draft] = []
        self._current: _Draft | None = None
        self._certain = True

    def operations(self) -> tuple[Operation, ...]:
        """The calls, as they stand in the file where they were come to out of order."""
        drafts = self._drafts
        if not all(each.certain for each in drafts):
            drafts = sorted(drafts, key=lambda each: each.order)
        return tuple(
            Operation(
                each.name,
                self.direction,
                each.span,
                tuple(each.statements),
                each.call,
                each.batch,
                each.certain,
            )
            for each in drafts
        )

    def hear(self, sql: str, transaction: int | None) -> None:
        """A statement was sent."""
        draft = self._current or self._begin("execute")
        draft.statements.append(Statement(sql, draft.span.line, transaction))

    @contextmanager
    def during(self, draft: _Draft) -> Iterator[None]:
        """Whatever is sent within is of that call."""
        before, self._current = self._current, draft
        try:
            yield
        finally:
            self._current = before

    @contextmanager
    def uncertain(self) -> Iterator[None]:
        """Whatever is called within may not be called in truth."""
        self._certain = False
        yield
        self._certain = True

    @contextmanager
    def listening(self, connection: Connection) -> Iterator[None]:
        """`from alembic import op` gives operations that are noted."""
        context = MigrationContext(
            connection.dialect,
            connection,
            {"transaction_per_migration": True, "transactional_ddl": True},
        )
        operations = _Noted(context)
        operations.calls = self
        environment = EnvironmentContext(Config(), cast("Any", None))
        environment._migration_context = context
        with (
            context.begin_transaction(_per_migration=True),
            _installed(Operations, operations),
            _installed(EnvironmentContext, environment),
        ):
            yield

    def invoked(self, call: Any, batch: str | None = None) -> _Draft | None:
        """Alembic was told to do this; None where that is part of a call already noted."""
        if self._current is not None:
            return None
        return self._begin(_name(call), call, batch)

    def _begin(self, name: str, call: Any = None, batch: str | None = None) -> _Draft:
        found = place(self.filename)
        span = found[1] if found else Span(1, 0, 1, 0)
        order = self._reach(found[0]) if found else 0
        draft = _Draft(name, span, call, batch, self._certain, order)
        self._drafts.append(draft)
        return draft

    def _reach(self, frame: FrameType | None) -> int:
        """Note the lines of the file that led to a call, and give the first of them."""
        first = 0
        while frame is not None:
            if frame.f_code.co_filename == self.filename:
                first = frame.f_lineno
                self.reached.add(first)
            frame = frame.f_back
        return first


class _Noted(Operations):
    """Alembic's operations, each of which is noted before it is done."""

    calls: Calls

    def invoke(self, operation: Any) -> Any:
        draft = self.calls.invoked(operation)
        if draft is None:
            return super().invoke(operation)
        with self.calls.during(draft):
            return super().invoke(operation)

    @contextmanager
    def batch_alter_table(self, table_name: str, *_: Any, **options: Any) -> Iterator[Any]:
        """The same, without a look at the table, which is not there."""
        impl = _NotedBatch(self, table_name, options)
        batch = _NotedBatchOperations(self.migration_context, impl=impl)
        batch.calls, batch.table = self.calls, table_name
        schema = options.get("schema")
        if schema:
            batch.table = f"{schema}.{table_name}"
        yield batch
        impl.flush()


class _NotedBatchOperations(BatchOperations):
    calls: Calls
    table: str

    def invoke(self, operation: Any) -> Any:
        draft = self.calls.invoked(operation, self.table)
        if draft is None:
            return super().invoke(operation)
        impl: Any = self.impl
        with self.calls.during(draft):
            before = len(impl.batch)
            answer = super().invoke(operation)
            impl.owners += [draft] * (len(impl.batch) - before)
        return answer


class _NotedBatch(BatchOperationsImpl):
    """What a batch holds, each part with the call that put it there."""

    def __init__(self, operations: _Noted, table: str, options: dict[str, Any]) -> None:
        asked: dict[str, Any] = {
            "schema": None,
            "recreate": "auto",
            "copy_from": None,
            "table_args": (),
            "table_kwargs": {},
            "reflect_args": (),
            "reflect_kwargs": {},
            "naming_convention": None,
            "partial_reordering": None,
        }
        super().__init__(operations, table, **{**asked, **options})  # type: ignore[no-untyped-call]
        self.calls = operations.calls
        self.owners: list[_Draft] = []

    def flush(self) -> None:
        if self._should_recreate():
            self._copy()
            return
        for (name, arguments, options), owner in zip(self.batch, self.owners, strict=True):
            with self.calls.during(owner):
                getattr(self.operations.impl, name)(*arguments, **options)

    def _copy(self) -> None:
        """What Alembic would send, in short: the columns are not known."""
        table, copy = self._quoted(self.table_name), self._quoted(f"_alembic_tmp_{self.table_name}")
        owner = self.owners[-1] if self.owners else self.calls._begin("batch_alter_table")
        bind: Any = self.operations.get_bind()
        with self.calls.during(owner):
            for sql in (
                f"CREATE TABLE {copy} AS SELECT * FROM {table} WHERE 0 = 1",  # noqa: S608
                f"INSERT INTO {copy} SELECT * FROM {table}",  # noqa: S608
                f"DROP TABLE {table}",
                f"ALTER TABLE {copy} RENAME TO {self._bare(self.table_name)}",
            ):
                bind.exec_driver_sql(sql)

    def _quoted(self, name: str) -> str:
        bare = self._bare(name)
        return f"{self._bare(self.schema)}.{bare}" if self.schema else bare

    def _bare(self, name: str) -> str:
        return str(self.dialect.identifier_preparer.quote(name))


@contextmanager
def _installed(of: type[ModuleClsProxy], proxied: ModuleClsProxy) -> Iterator[None]:
    """`alembic.op` and `alembic.context` speak to these; to what they spoke to before, at the end.

    Alembic's own way would not do: it knows no class derived from its `Operations`.
    """
    _, modules = of._setups[of]
    before = [{"_proxy": namespace.pop("_proxy", None)} for namespace, _ in modules]
    for namespace, _ in modules:
        namespace["_proxy"] = proxied
    try:
        yield
    finally:
        for (namespace, _), kept in zip(modules, before, strict=True):
            namespace.pop("_proxy")
            namespace.update({} if kept["_proxy"] is None else kept)


def _name(call: Any) -> str:
    of = type(call).__name__
    return _NAMES.get(of) or _WORD.sub("_", of.removesuffix("Op")).lower()


def place(filename: str) -> tuple[FrameType, Span] | None:
    """The innermost call of that file which is under way."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != filename:
        frame = frame.f_back
    if frame is None:
        return None
    line, end, column, end_column = next(
        islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None)
    )
    at = line or frame.f_lineno
    return frame, Span(at, column or 0, end or at, end_column or 0)
