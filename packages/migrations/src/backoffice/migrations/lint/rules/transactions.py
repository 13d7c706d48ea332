"""Statements that share a transaction, or must not."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.rules.wording import level, table
from backoffice.migrations.lint.statements import tokens
from backoffice.migrations.lint.walk import Step

_CONCURRENT = ("create index", "drop index", "reindex", "reindex index", "detach partition")
_OUTSIDE = ("vacuum", "vacuum full", "reindex database", "reindex schema", "reindex system")
_MAKING = ("add check", "add foreign key", "add not null")


def held(step: Step) -> Iterator[Finding]:
    """Long work after a lock that others wait for, in the same transaction."""
    # What stalls by itself is told of by its own rule, whose safe way parts it from the rest.
    if not _long(step) or _told(step) or any(_reported(each) for each in step.together):
        return
    for before in step.together:
        if _validated(before, step):
            return
    found = next((each for each in step.together if _blocking(each)), None)
    if found is None:
        return
    effect = next(each for each in found.hurting if each.lock.blocks_writes)
    others = "readers and writers" if effect.lock.blocks_reads else "writers"
    long = [each.table for each in step.hurting if each.scan or each.rewrite or each.rows]
    yield RULES["BM301"].found(
        step.where,
        f"{others} of {effect.table}, locked in line {found.operation.line}, wait while "
        f"{', '.join(table(step, name) for name in dict.fromkeys(long))} is worked on",
        level(step, *long),
    )


def validated_at_once(step: Step) -> Iterator[Finding]:
    """VALIDATE in the transaction whose NOT VALID holds the lock."""
    if any(_validated(before, step) for before in step.together):
        yield RULES["BM305"].found(
            step.where,
            f"{step.action.name} of {table(step, step.action.table)} is validated in the "
            "transaction that adds it",
            level(step, step.action.table),
        )


def refused(step: Step) -> Iterator[Finding]:
    """What PostgreSQL does outside of a transaction only."""
    action = step.action
    if step.statement.transaction is None:
        return
    concurrent = action.kind in _CONCURRENT and "concurrently" in action.flags
    early = action.kind == "add value" and step.target.version < (12,)
    if concurrent or early or action.kind in _OUTSIDE:
        told = f"{action.kind.upper()}{' CONCURRENTLY' if concurrent else ''}"
        yield RULES["BM302"].found(step.where, f"{told} cannot run within a transaction")


def new_enum_values(step: Step) -> Iterator[Finding]:
    """A value of an enum that the same transaction has added."""
    if step.action.kind == "add value":
        return
    added = {
        each.action.expression: each.action.name
        for each in step.together
        if each.action.kind == "add value" and each.statement is not step.statement
    }
    # A type that is new itself may be used at once.
    fresh = {each.action.name for each in step.together if each.action.kind == "create type"}
    words = {token.text for token in tokens(step.statement.sql) if token.kind == "string"}
    for value in sorted(words & added.keys()):
        if added[value] not in fresh:
            yield RULES["BM303"].found(
                step.where, f"{value!r} of {added[value]} is used in the transaction that adds it"
            )


def committed_early(step: Step) -> Iterator[Finding]:
    """What the first autocommit_block commits, and a second try would meet."""
    if step.statement.transaction is not None:
        return
    if any(each.statement.transaction is None for each in step.earlier):
        return
    before = [each for each in step.earlier if _not_repeatable(each)]
    if before:
        yield RULES["BM306"].found(
            step.where,
            f"line {before[0].operation.line} is committed before this, and fails where the "
            "revision has to run again",
        )


def _not_repeatable(step: Step) -> bool:
    kind = step.action.kind
    made = kind.startswith(("create", "add", "drop", "rename"))
    asked = step.operation.line in _under_conditions(step.reading.source)
    return made and not asked and not step.action.flags & {"if not exists", "if exists"}


@lru_cache(maxsize=1)
def _under_conditions(source: str) -> frozenset[int]:
    """The lines that run only where something is so: what was done may be what is asked."""
    return frozenset(
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.If)
        for each in (*node.body, *node.orelse)
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    )


def _validated(before: Step, step: Step) -> bool:
    return (
        step.action.kind == "validate"
        and before.action.kind in _MAKING
        and (before.action.table, before.action.name) == (step.action.table, step.action.name)
        and not before.fresh
    )


def _blocking(step: Step) -> bool:
    """A lock on a table in use that is short by itself."""
    return any(each.lock.blocks_writes for each in step.hurting) and not step.stalls


def _told(step: Step) -> bool:
    return bool(step.stalls)


def _long(step: Step) -> bool:
    """Work that grows with a table in use."""
    return any(each.scan or each.rewrite or each.rows for each in step.hurting)


def _reported(step: Step) -> bool:
    """Once for each transaction: what follows waits for the same lock."""
    return _long(step) and not _told(step) and any(_blocking(each) for each in step.together)
