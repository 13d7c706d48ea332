"""Rows that are changed by a migration."""

from collections.abc import Iterator

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.rules.wording import level, table
from backoffice.migrations.lint.walk import Step


def all_rows(step: Step) -> Iterator[Finding]:
    """UPDATE or DELETE with no bound of the number of rows."""
    action = step.action
    for each in step.hurting:
        if each.rows and action.kind in ("update", "delete"):
            verb = "UPDATE" if action.kind == "update" else "DELETE"
            some = " of all that fit its condition" if action.expression else " of every row"
            yield RULES["BM201"].found(
                step.where,
                f"{verb}{some} of {table(step, each.table)} is one statement",
                level(step, each.table),
            )
