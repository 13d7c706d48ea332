"""Loans of volumes"""

import sqlalchemy as sa
from alembic import op

revision = "lending_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "backoffice_loan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("volume_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_loan"),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["backoffice_volume.id"], name="fk_backoffice_loan_volume"
        ),
    )


def downgrade() -> None:
    op.drop_table("backoffice_loan")
