"""Keep what all processes have counted, by day."""

import sqlalchemy as sa
from alembic import op

revision = "admin_0007"
down_revision = "admin_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what the app's own `create_all` has not made before."""
    op.create_table(
        "backoffice_daily_figures",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "name", name="pk_backoffice_daily_figures"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Forget what was counted."""
    op.drop_table("backoffice_daily_figures")
