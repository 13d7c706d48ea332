"""A shelf must have a name"""

import sqlalchemy as sa
from alembic import op

revision = "library_0003"
down_revision = "library_0002"


def upgrade() -> None:
    with op.batch_alter_table("backoffice_shelf") as shelf:
        shelf.alter_column("name", existing_type=sa.String(50), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("backoffice_shelf") as shelf:
        shelf.alter_column("name", existing_type=sa.String(50), nullable=True)
