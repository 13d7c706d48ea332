"""orders

Revision ID: a94d3e6b18f2
Revises: 5c1b7f0e92ad
"""

import sqlalchemy as sa
from alembic import op

revision = "a94d3e6b18f2"
down_revision = "5c1b7f0e92ad"
branch_labels = None
depends_on = None

order_status = sa.Enum("pending", "paid", "shipped", "delivered", "cancelled", name="order_status")


def upgrade() -> None:
    op.create_table(
        "customer_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("status", order_status, nullable=False),
        sa.Column("shipping", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("shipping >= 0", name="ck_customer_order_shipping"),
    )
    op.create_index("ix_customer_order_status", "customer_order", ["status"])
    op.create_index("ix_customer_order_placed_at", "customer_order", ["placed_at"])
    op.create_index("ix_customer_order_email", "customer_order", ["email"])
    op.create_table(
        "order_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(
            ["order_id"], ["customer_order.id"], name="fk_order_line_order", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["book.id"], name="fk_order_line_book", ondelete="RESTRICT"
        ),
        sa.UniqueConstraint("order_id", "book_id", name="uq_order_line_order_book"),
        sa.CheckConstraint("quantity > 0", name="ck_order_line_quantity"),
        sa.CheckConstraint("unit_price >= 0", name="ck_order_line_unit_price"),
    )
    op.create_index("ix_order_line_book_id", "order_line", ["book_id"])


def downgrade() -> None:
    op.drop_table("order_line")
    op.drop_table("customer_order")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TYPE order_status")  # PostgreSQL keeps an enum that no table uses
