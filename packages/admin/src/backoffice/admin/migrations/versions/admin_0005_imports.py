"""Keep files that records are imported from, in parts, until they are written."""

import sqlalchemy as sa
from alembic import op

revision = "admin_0005"
down_revision = "admin_0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, where the app's own `create_all` has not done it before."""
    op.create_table(
        "backoffice_imports",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("resource", sa.String(128), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("encoding", sa.String(32), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("matched", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("adds", sa.Boolean(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check_job", _NUMBER, nullable=True),
        sa.Column("deed_job", _NUMBER, nullable=True),
        sa.Column("added", _NUMBER, nullable=False),
        sa.Column("changed", _NUMBER, nullable=False),
        sa.Column("same", _NUMBER, nullable=False),
        sa.Column("refused", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_backoffice_imports"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_imports_actor",
        "backoffice_imports",
        ["actor", "resource", "number"],
        if_not_exists=True,
    )
    op.create_table(
        "backoffice_import_parts",
        sa.Column("import_number", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("doubles", sa.Text(), nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("import_number", "number", name="pk_backoffice_import_parts"),
        sa.ForeignKeyConstraint(
            ["import_number"],
            ["backoffice_imports.number"],
            name="fk_backoffice_import_parts_import",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Take it back: what was written of files stays."""
    op.drop_table("backoffice_import_parts")
    op.drop_table("backoffice_imports")
