"""Keep what links in mails are good for, and who asked for one."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "auth_0004"
down_revision = "auth_0003"
branch_labels = None
depends_on = None

#: What a foreign key to the app's own users names, and its type; None where users are in our table.
#: `backoffice migrate sync` writes it into its copy.
USERS: tuple[str, sa.types.TypeEngine[Any]] | None = None

_OWN = ("backoffice_user.id", sa.Uuid())
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, where the app's own `create_all` has not done it before."""
    users = _users()
    op.create_table(
        "backoffice_link_token",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("user_id", users[1], nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_backoffice_link_token"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            [users[0]],
            name="fk_backoffice_link_token_user",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    for name, column in (("user", "user_id"), ("expires_at", "expires_at")):
        op.create_index(
            f"ix_backoffice_link_token_{name}",
            "backoffice_link_token",
            [column],
            if_not_exists=True,
        )
    op.create_table(
        "backoffice_link_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("asked", sa.String(16), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("user_id", users[1], nullable=True),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_link_request"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_link_request_at", "backoffice_link_request", ["at"], if_not_exists=True
    )


def _users() -> tuple[str, sa.types.TypeEngine[Any]]:
    """What a foreign key to users names, and its type: the database knows best."""
    context = op.get_context()
    if context.as_sql:
        return context.opts.get("backoffice_users") or USERS or _OWN
    inspector = sa.inspect(op.get_bind())
    if not inspector.has_table("backoffice_account"):
        return _OWN
    found = inspector.get_foreign_keys("backoffice_account")[0]
    name, column = found["referred_table"], found["referred_columns"][0]
    types = {each["name"]: each["type"] for each in inspector.get_columns(name)}
    return f"{name}.{column}", types[column]


def downgrade() -> None:
    """Take it back."""
    op.drop_table("backoffice_link_request")
    op.drop_table("backoffice_link_token")
