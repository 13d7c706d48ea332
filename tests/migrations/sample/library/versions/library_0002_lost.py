"""The shelf of lost volumes"""

import sqlalchemy as sa
from alembic import op

revision: str = "library_0002"
down_revision: str | None = "library_0001"

shelf = sa.table("backoffice_shelf", sa.column("name", sa.String()))


def upgrade() -> None:
    op.bulk_insert(shelf, [{"name": "lost"}])


def downgrade() -> None:
    op.execute(shelf.delete().where(shelf.c.name == "lost"))
