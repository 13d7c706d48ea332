"""Chain the audit log, so that tampering shows."""

import sqlalchemy as sa
from alembic import op

revision = "auth_0003"
down_revision = "auth_0002"
branch_labels = None
depends_on = None


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("digest", sa.String(64), nullable=False, server_default=sa.text("''")),
        sa.Column("outcome", sa.String(16), nullable=False, server_default="success"),
        sa.Column("request_id", sa.String(128), nullable=False, server_default=sa.text("''")),
    ]


def upgrade() -> None:
    """Add what the app's own `create_all` has not made before."""
    for column in _columns():
        if _lacks(column.name):
            op.add_column("backoffice_audit", column)
    # migrate: allow BM101 because no release has the table without it: nobody has rows there yet
    op.create_index(
        "uq_backoffice_audit_number",
        "backoffice_audit",
        ["number"],
        unique=True,
        if_not_exists=True,
    )
    op.create_table(
        "backoffice_audit_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_audit_head"),
        if_not_exists=True,
    )


def _lacks(column: str) -> bool:
    """SQLite knows no ADD COLUMN IF NOT EXISTS; a script printed for later cannot look."""
    if op.get_context().as_sql:
        return True
    columns = sa.inspect(op.get_bind()).get_columns("backoffice_audit")
    return column not in {each["name"] for each in columns}


def downgrade() -> None:
    """Take it back."""
    op.drop_table("backoffice_audit_head")
    op.drop_index("uq_backoffice_audit_number", "backoffice_audit")
    for column in reversed(_columns()):
        op.drop_column("backoffice_audit", column.name)
