"""How findings speak of tables."""

from backoffice.migrations.lint.findings import Level
from backoffice.migrations.lint.walk import Step


def table(step: Step, name: str) -> str:
    """The table, with its number of rows where a database was asked."""
    rows = step.rows(name)
    return name if rows is None else f"{name} ({rows:,} rows)"


def level(step: Step, *tables: str) -> Level | None:
    """A table that is known to be small is worth a note; the usual level for any other."""
    return "note" if step.small(*tables) else None
