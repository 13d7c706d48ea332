"""What breaks the code that still runs, and what is gone for good."""

from collections.abc import Iterator

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.copies import COPY
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.rules.wording import table
from backoffice.migrations.lint.walk import Step


def dropped_columns(step: Step) -> Iterator[Finding]:
    """A column of a table that is in use."""
    action = step.action
    if action.kind == "drop column" and not step.fresh and not _added_here(step):
        yield RULES["BM401"].found(
            step.where, f"column {action.name} of {table(step, action.table)} is dropped"
        )


def dropped_tables(step: Step) -> Iterator[Finding]:
    """A table that is in use; not the one that batch mode has copied."""
    action = step.action
    if action.kind != "drop table" or step.fresh:
        return
    if action.table.startswith(COPY) or f"{COPY}{action.table}" in step.new:
        return
    cascade = ", and whatever depends on it" if "cascade" in action.flags else ""
    yield RULES["BM402"].found(step.where, f"table {table(step, action.table)} is dropped{cascade}")


def dropped_with_others(step: Step) -> Iterator[Finding]:
    """DROP ... CASCADE of what holds columns or tables."""
    action = step.action
    if "cascade" not in action.flags:
        return
    if action.kind == "drop type":
        for each in step.hurting:
            yield RULES["BM401"].found(
                step.where, f"columns of {table(step, each.table)} go with type {action.name}"
            )
    elif action.kind == "drop schema":
        yield RULES["BM402"].found(step.where, f"all tables of schema {action.name} are dropped")


def renamed_columns(step: Step) -> Iterator[Finding]:
    """A column that code names."""
    action = step.action
    if action.kind == "rename column" and not step.fresh and not _added_here(step):
        yield RULES["BM403"].found(
            step.where,
            f"column {action.name} of {table(step, action.table)} is renamed to "
            f"{action.expression}",
        )


def renamed_tables(step: Step) -> Iterator[Finding]:
    """A table that code names."""
    action = step.action
    if action.kind not in ("rename table", "set schema") or step.fresh:
        return
    verb = "renamed" if action.kind == "rename table" else "moved"
    yield RULES["BM404"].found(
        step.where, f"table {table(step, action.table)} is {verb} to {action.name}"
    )


def emptied(step: Step) -> Iterator[Finding]:
    """TRUNCATE, with all that CASCADE takes along."""
    if step.action.kind == "truncate" and step.hurting:
        names = ", ".join(table(step, each.table) for each in step.hurting)
        yield RULES["BM407"].found(step.where, f"TRUNCATE empties {names}")


def renamed_values(step: Step) -> Iterator[Finding]:
    """ALTER TYPE ... RENAME VALUE."""
    action = step.action
    if action.kind == "rename value":
        yield RULES["BM408"].found(
            step.where, f"value {action.expression!r} of {action.name} is renamed"
        )


def _added_here(step: Step) -> bool:
    """Whether the revision itself has added the column, which no code knows yet."""
    return any(
        each.action.kind == "add column"
        and (each.action.table, each.action.name) == (step.action.table, step.action.name)
        for each in step.earlier
    )
