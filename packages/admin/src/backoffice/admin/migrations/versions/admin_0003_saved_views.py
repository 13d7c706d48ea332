"""Keep views of lists, and the columns that somebody has chosen."""

import sqlalchemy as sa
from alembic import op

revision = "admin_0003"
down_revision = "admin_0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table, where the app's own `create_all` has not done it before."""
    op.create_table(
        "backoffice_saved_views",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        sa.Column("resource", sa.String(128), nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("opens", _NUMBER, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_backoffice_saved_views"),
        sa.UniqueConstraint("resource", "owner", "name", name="uq_backoffice_saved_views_name"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Take it back: lists open as they did."""
    op.drop_table("backoffice_saved_views")
