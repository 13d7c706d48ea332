"""authors and books

Revision ID: 5c1b7f0e92ad
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "5c1b7f0e92ad"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "author",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("biography", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_author_name", "author", ["name"])
    op.create_table(
        "book",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("published", sa.Date(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("weight_kg", sa.Float(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("in_print", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(
            ["author_id"], ["author.id"], name="fk_book_author", ondelete="RESTRICT"
        ),
        sa.UniqueConstraint("isbn", name="uq_book_isbn"),
        sa.CheckConstraint("price >= 0", name="ck_book_price"),
        sa.CheckConstraint("stock >= 0", name="ck_book_stock"),
        sa.CheckConstraint("weight_kg > 0", name="ck_book_weight_kg"),
    )
    op.create_index("ix_book_title", "book", ["title"])
    op.create_index("ix_book_author_id", "book", ["author_id"])
    op.create_index("ix_book_price", "book", ["price"])
    op.create_index("ix_book_published", "book", ["published"])


def downgrade() -> None:
    op.drop_table("book")
    op.drop_table("author")
