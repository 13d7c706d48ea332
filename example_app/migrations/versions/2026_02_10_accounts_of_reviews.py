"""accounts of reviews

Revision ID: 3d8b6a1f40e7
Revises: e07f2c5d4b63
"""

import sqlalchemy as sa
from alembic import op

revision = "3d8b6a1f40e7"
down_revision = "e07f2c5d4b63"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("review", sa.Column("account_id", sa.Uuid(), nullable=True))
    # migrate: allow BM101 because the shop of an example has few reviews
    op.create_index("ix_review_account_id", "review", ["account_id"])


def downgrade() -> None:
    op.drop_index("ix_review_account_id", "review")
    op.drop_column("review", "account_id")
