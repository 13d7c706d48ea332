"""Tell the bulk jobs of one admin from those of another."""

import sqlalchemy as sa
from alembic import op

revision = "admin_0006"
down_revision = "admin_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the app's own `create_all` has not made before."""
    if _lacks_it():
        op.add_column(
            "backoffice_jobs",
            sa.Column("site", sa.String(32), nullable=False, server_default="admin"),
        )


def downgrade() -> None:
    """Take it back: each admin does the jobs of all again."""
    op.drop_column("backoffice_jobs", "site")


def _lacks_it() -> bool:
    """SQLite knows no ADD COLUMN IF NOT EXISTS; a script printed for later cannot look."""
    if op.get_context().as_sql:
        return True
    columns = sa.inspect(op.get_bind()).get_columns("backoffice_jobs")
    return "site" not in {each["name"] for each in columns}
