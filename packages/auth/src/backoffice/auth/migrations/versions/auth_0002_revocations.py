"""Number what is taken away; give keys their terms, accounts a lock, sessions their proofs;
keep tickets for websockets."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "auth_0002"
down_revision = "auth_0001"
branch_labels = None
depends_on = None

#: What a foreign key to the app's own users names, and its type; None where users are in our table.
#: `backoffice migrate sync` writes it into its copy.
USERS: tuple[str, sa.types.TypeEngine[Any]] | None = None

_OWN = ("backoffice_user.id", sa.Uuid())
_MOMENT = sa.DateTime(timezone=True)


def _columns() -> list[tuple[str, sa.Column[object]]]:
    """The columns added: the table of each, and the column."""
    users = "user" if _users() == _OWN else "account"
    return [
        (users, sa.Column("is_service", sa.Boolean(), nullable=False, server_default=sa.false())),
        (users, sa.Column("locked_until", _MOMENT, nullable=True)),
        ("session", sa.Column("proved_at", _MOMENT, nullable=True)),
        ("session", sa.Column("mfa", sa.Boolean(), nullable=False, server_default=sa.false())),
        ("api_key", sa.Column("networks", sa.JSON(none_as_null=True), nullable=True)),
        ("api_key", sa.Column("rate_limit", sa.String(100), nullable=True)),
        (
            "api_key",
            sa.Column(
                "manages_credentials", sa.Boolean(), nullable=False, server_default=sa.false()
            ),
        ),
        ("api_key", sa.Column("successor_id", sa.Uuid(), nullable=True)),
    ]


def upgrade() -> None:
    """Add what the app's own `create_all` has not made before."""
    for table, column in _columns():
        if _lacks(f"backoffice_{table}", column.name):
            op.add_column(f"backoffice_{table}", column)
    op.create_table(
        "backoffice_revocation",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("user_id", _users()[1], nullable=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_backoffice_revocation"),
        if_not_exists=True,
    )
    _create_tickets()


def _create_tickets() -> None:
    op.create_table(
        "backoffice_ticket",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_backoffice_ticket"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["backoffice_session.id"],
            name="fk_backoffice_ticket_session",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["backoffice_api_key.id"],
            name="fk_backoffice_ticket_key",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    for name in ("session_id", "key_id", "expires_at"):
        op.create_index(
            f"ix_backoffice_ticket_{name.removesuffix('_id')}",
            "backoffice_ticket",
            [name],
            if_not_exists=True,
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


def _lacks(table: str, column: str) -> bool:
    """SQLite knows no ADD COLUMN IF NOT EXISTS; a script printed for later cannot look."""
    if op.get_context().as_sql:
        return True
    return column not in {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}


def downgrade() -> None:
    """Take it back."""
    op.drop_table("backoffice_ticket")
    op.drop_table("backoffice_revocation")
    for table, column in reversed(_columns()):
        op.drop_column(f"backoffice_{table}", column.name)
