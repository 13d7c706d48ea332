"""Keep what links in mails are good for, and who asked for one."""

import sqlalchemy as sa
from alembic import op

from backoffice.core.user_tables import present

revision = "auth_0004"
down_revision = "auth_0003"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, where the app's own `create_all` has not done it before."""
    users = present(op.get_context())
    op.create_table(
        "backoffice_link_token",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("user_id", users.key_type, nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_backoffice_link_token"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            [users.key],
            name="fk_backoffice_link_token_user",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    for name, column in (("user", "user_id"), ("expires_at", "expires_at")):
        op.create_index(
            f"ix_backoffice_link_token_{name}",
            "backoffice_link_token",
            [column],
            if_not_exists=True,
        )
    op.create_table(
        "backoffice_link_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("asked", sa.String(16), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("user_id", users.key_type, nullable=True),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_link_request"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_link_request_at", "backoffice_link_request", ["at"], if_not_exists=True
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("backoffice_link_request")
    op.drop_table("backoffice_link_token")
