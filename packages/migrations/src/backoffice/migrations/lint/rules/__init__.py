"""What lint looks for: at each action of a revision, and at the revision as a whole."""

from collections.abc import Callable, Iterator, Sequence

from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.operations import Reading, Target
from backoffice.migrations.lint.rules import (
    columns,
    constraints,
    data,
    indexes,
    losses,
    reversal,
    sqlite,
    tables,
    transactions,
    unread,
)
from backoffice.migrations.lint.walk import Step

StepRule = Callable[[Step], Iterator[Finding]]
RevisionRule = Callable[[Reading, Sequence[Step], Target], Iterator[Finding]]

#: On PostgreSQL, of each action.
POSTGRESQL: tuple[StepRule, ...] = (
    indexes.built_while_writers_wait,
    indexes.not_repeatable,
    constraints.keys,
    constraints.foreign_keys,
    constraints.checks,
    constraints.not_null,
    constraints.exclusions,
    columns.rewriting,
    columns.keyed,
    columns.retyped,
    tables.long_work,
    tables.locked_by_hand,
    tables.attached,
    transactions.held,
    transactions.refused,
    transactions.new_enum_values,
    transactions.validated_at_once,
    transactions.committed_early,
)
#: On SQLite, of each action.
SQLITE: tuple[StepRule, ...] = (sqlite.copied, sqlite.impossible, sqlite.long_work)
#: On both, of each action.
EVERYWHERE: tuple[StepRule, ...] = (
    data.all_rows,
    losses.dropped_columns,
    losses.dropped_tables,
    losses.dropped_with_others,
    losses.renamed_columns,
    losses.renamed_tables,
    losses.emptied,
    losses.renamed_values,
    columns.without_default,
    columns.default_taken,
)
#: Of each revision.
REVISION: tuple[RevisionRule, ...] = (
    reversal.not_undone,
    reversal.types_left,
    sqlite.changed_in_copies,
    sqlite.not_supported,
    unread.parts,
    unread.long_identity,
)


def of_step(step: Step) -> Iterator[Finding]:
    """All findings about one action."""
    own = SQLITE if step.target.dialect == "sqlite" else POSTGRESQL
    for rule in (*own, *EVERYWHERE):
        yield from rule(step)


def of_revision(reading: Reading, steps: Sequence[Step], target: Target) -> Iterator[Finding]:
    """All findings about one revision as a whole."""
    for rule in REVISION:
        yield from rule(reading, steps, target)
