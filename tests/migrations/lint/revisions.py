"""Revisions to lint, written from the bodies of their functions."""

from pathlib import Path
from textwrap import dedent, indent

from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.linting import lint
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema

POSTGRESQL = Target("postgresql", (15,))
SQLITE = Target("sqlite", (3, 40))
HEAD = '''"""{id}"""

import sqlalchemy as sa
from alembic import op

revision = "{id}"
down_revision = {down!r}


def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''
#: The line on which the body of `upgrade()` begins.
FIRST = 11


def write(
    folder: Path,
    upgrade: str,
    id: str = "one",
    down: str | None = None,
    downgrade: str = 'op.execute("SELECT 1")',
) -> Path:
    """A revision with these bodies."""
    path = folder / f"{id}.py"
    bodies = {"upgrade": upgrade, "downgrade": downgrade}
    told = {name: indent(dedent(body).strip(), "    ") for name, body in bodies.items()}
    path.write_text(HEAD.format(id=id, down=down, **told))
    return path


def findings(
    folder: Path,
    *bodies: str,
    target: Target = POSTGRESQL,
    live: Schema | None = None,
    known: Schema | None = None,
) -> list[Finding]:
    """What is said of the last of these revisions, those before it being its history."""
    files, down = [], None
    for number, body in enumerate(bodies):
        identity = f"revision_{number}"
        files.append(write(folder, body, identity, down))
        down = identity
    return [*lint(files, target, live=live, known=known)[-1].findings]


def ids(found: list[Finding]) -> list[str]:
    """The ids, those of waived findings left out."""
    return [each.id for each in found if each.waived is None]
