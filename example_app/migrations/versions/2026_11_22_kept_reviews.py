"""kept reviews

Revision ID: 71c0e9d25ab8
Revises: 3d8b6a1f40e7
"""

import sqlalchemy as sa
from alembic import op

revision = "71c0e9d25ab8"
down_revision = "3d8b6a1f40e7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("review", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("review", "deleted_at")
