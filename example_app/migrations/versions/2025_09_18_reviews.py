"""reviews

Revision ID: e07f2c5d4b63
Revises: a94d3e6b18f2
"""

import sqlalchemy as sa
from alembic import op

revision = "e07f2c5d4b63"
down_revision = "a94d3e6b18f2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.String(length=200), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(
            ["book_id"], ["book.id"], name="fk_review_book", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("book_id", "reviewer", name="uq_review_book_reviewer"),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="ck_review_rating"),
    )


def downgrade() -> None:
    op.drop_table("review")
