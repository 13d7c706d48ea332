"""Keep how far files of accounts were imported."""

import sqlalchemy as sa
from alembic import op

revision = "auth_0006"
down_revision = "auth_0005"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_COUNTS = ("line", "created", "updated", "skipped", "refused")


def upgrade() -> None:
    """Create the table, where the app's own `create_all` has not done it before."""
    op.create_table(
        "backoffice_user_import",
        sa.Column("digest", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_backoffice_user_import"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Take it back: an import that was interrupted begins anew."""
    op.drop_table("backoffice_user_import")
