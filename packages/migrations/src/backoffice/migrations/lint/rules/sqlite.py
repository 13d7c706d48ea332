"""What SQLite does otherwise."""

from collections.abc import Iterator, Sequence

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.copies import COPY, changed
from backoffice.migrations.lint.findings import Finding, Where
from backoffice.migrations.lint.operations import Reading, Target
from backoffice.migrations.lint.rules.wording import level, table
from backoffice.migrations.lint.walk import Step

_VARYING = ("current_timestamp", "current_date", "current_time")
_FILLED = frozenset({"default", "virtual"})
_ELSEWHERE = ("create type", "drop type", "add value", "rename value", "truncate", "lock")
_UNKNOWN = (
    *("alter type", "set not null", "drop not null", "set default", "drop default"),
    *("add check", "add foreign key", "add unique", "add primary key", "drop constraint"),
)


def copied(step: Step) -> Iterator[Finding]:
    """Batch mode: a new table, all rows copied, the old one dropped."""
    action = step.action
    if action.kind != "insert select" or not action.table.startswith(COPY):
        return
    name = action.table.removeprefix(COPY)
    if name not in step.new:
        yield RULES["BM601"].found(
            step.where,
            f"all rows of {table(step, name)} are copied while nobody else can write",
            level(step, name),
        )


def changed_in_copies(reading: Reading, steps: Sequence[Step], target: Target) -> Iterator[Finding]:
    """What a copy leaves out, renames, or has no value for."""
    if target.dialect != "sqlite":
        return
    new = steps[-1].new if steps else frozenset()
    added: set[tuple[str, str]] = set()
    for operation in reading.upgrade:
        where = Where(reading.path, operation.line, reading.revision, operation.name)
        for action in changed(operation):
            if action.table not in new and (action.table, action.name) not in added:
                yield from _lost(action, where)
            if action.kind == "add column":
                added.add((action.table, action.name))


def _lost(action: Action, where: Where) -> Iterator[Finding]:
    of = f"column {action.name} of {action.table}"
    if action.kind == "drop column":
        yield RULES["BM401"].found(where, f"{of} is dropped")
    elif action.kind == "rename column":
        yield RULES["BM403"].found(where, f"{of} is renamed to {action.expression}")
    elif action.kind == "add column" and "not null" in action.flags and not action.flags & _FILLED:
        yield RULES["BM405"].found(where, f"{of} is NOT NULL and has no default")


def impossible(step: Step) -> Iterator[Finding]:
    """What SQLite's ALTER TABLE refuses."""
    action = step.action
    refused = ""
    if action.kind in _UNKNOWN and action.table:
        refused = f"SQLite has no ALTER TABLE for {action.kind}"
    elif action.kind == "add column" and action.flags & {"unique", "primary key"}:
        refused = f"SQLite adds no column {action.name} with a unique or primary key"
    elif action.kind == "add column" and _varying(action.expression) and not step.fresh:
        refused = f"SQLite adds no column {action.name} whose default is not constant"
    elif action.kind == "add column" and "if not exists" in action.flags:
        refused = "SQLite knows no ADD COLUMN IF NOT EXISTS"
    elif action.kind in _ELSEWHERE:
        refused = f"SQLite knows no {action.kind.upper()}"
    elif action.kind == "add column" and "stored" in action.flags and not step.fresh:
        refused = f"SQLite adds no generated column {action.name} that is STORED"
    if refused:
        yield RULES["BM602"].found(step.where, refused)


def long_work(step: Step) -> Iterator[Finding]:
    """An index, or a column dropped: the whole table under the one lock."""
    action = step.action
    if action.kind in ("create index", "drop column", "vacuum", "reindex") and step.stalls:
        name = step.stalls[0].table
        yield RULES["BM603"].found(step.where, f"{action.kind} works on all of {table(step, name)}")


def not_supported(reading: Reading, _: Sequence[Step], target: Target) -> Iterator[Finding]:
    """What Alembic itself refuses on SQLite outside of batch mode."""
    if target.dialect != "sqlite":
        return
    for each in reading.unread:
        if each.reason.startswith("NotImplementedError"):
            told = each.reason.removeprefix("NotImplementedError: ").partition(". ")[0]
            yield RULES["BM602"].found(Where(reading.path, each.line, reading.revision), told)


def _varying(default: str) -> bool:
    lowered = default.lower()
    return lowered.startswith("(") or any(each in lowered for each in _VARYING)
