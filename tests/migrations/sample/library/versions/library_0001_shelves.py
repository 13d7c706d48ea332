"""Shelves and the volumes on them.

Volumes go with their shelf.
"""

import sqlalchemy as sa
from alembic import op

revision = "library_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "backoffice_shelf",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_shelf"),
    )
    op.create_table(
        "backoffice_volume",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shelf_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_volume"),
        sa.ForeignKeyConstraint(
            ["shelf_id"],
            ["backoffice_shelf.id"],
            name="fk_backoffice_volume_shelf",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("backoffice_volume")
    op.drop_table("backoffice_shelf")
