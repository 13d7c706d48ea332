"""Keep what was changed in records, from what to what, and by whom."""

import sqlalchemy as sa
from alembic import op

revision = "admin_0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = {
    "record": ["resource", "record_key", "number"],
    "resource": ["resource", "number"],
    "actor": ["actor", "number"],
    "request": ["request_id", "number"],
    "undoes": ["undoes"],
}


def upgrade() -> None:
    """Create the table, where the app's own `create_all` has not done it before."""
    op.create_table(
        "backoffice_history",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("through", sa.String(16), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("resource", sa.String(128), nullable=False),
        sa.Column("record_key", sa.String(512), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("undoes", _NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_backoffice_history"),
        if_not_exists=True,
    )
    for name, columns in _INDEXES.items():
        op.create_index(
            f"ix_backoffice_history_{name}", "backoffice_history", columns, if_not_exists=True
        )


def downgrade() -> None:
    """Take it back, with all that it tells."""
    op.drop_table("backoffice_history")
