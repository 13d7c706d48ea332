"""Do actions on all records that match in the background."""

import sqlalchemy as sa
from alembic import op

revision = "admin_0002"
down_revision = "admin_0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_INDEXES = {"turn": ["state", "turn_at"], "actor": ["actor", "number"]}


def upgrade() -> None:
    """Create the table, where the app's own `create_all` has not done it before."""
    op.create_table(
        "backoffice_jobs",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        sa.Column("form", sa.String(32), nullable=False),
        sa.Column("resource", sa.String(128), nullable=False),
        sa.Column("action", sa.String(128), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("meaning", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("total", _NUMBER, nullable=True),
        sa.Column("done", _NUMBER, nullable=False),
        sa.Column("refused", _NUMBER, nullable=False),
        sa.Column("failed", _NUMBER, nullable=False),
        sa.Column("failures", sa.JSON(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("began_at", _MOMENT, nullable=True),
        sa.Column("turn_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("claim", sa.String(32), nullable=True),
        sa.Column("lease_until", _MOMENT, nullable=True),
        sa.Column("vain", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_backoffice_jobs"),
        sa.UniqueConstraint("form", name="uq_backoffice_jobs_form"),
        if_not_exists=True,
    )
    for name, columns in _INDEXES.items():
        op.create_index(
            f"ix_backoffice_jobs_{name}", "backoffice_jobs", columns, if_not_exists=True
        )


def downgrade() -> None:
    """Take it back: what was not finished stays as far as it came."""
    op.drop_table("backoffice_jobs")
