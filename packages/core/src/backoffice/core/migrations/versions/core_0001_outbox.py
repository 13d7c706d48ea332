"""Keep mail in an outbox until it is sent."""

import sqlalchemy as sa
from alembic import op

revision = "core_0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table, unless the app's own `create_all` has made it before."""
    op.create_table(
        "backoffice_mail",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("template", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(512), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("claim", sa.String(32), nullable=True),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.Column("error", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_mail"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_mail_state", "backoffice_mail", ["state", "due_at"], if_not_exists=True
    )


def downgrade() -> None:
    """Take it back, with what was not sent yet."""
    op.drop_table("backoffice_mail")
