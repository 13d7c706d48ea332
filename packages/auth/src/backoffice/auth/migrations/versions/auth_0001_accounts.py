"""Create users, roles, sessions, API keys and the audit log."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "auth_0001"
down_revision = None
branch_labels = None
depends_on = None

#: What a foreign key to the app's own users names, and its type; None where users are in our table.
#: `backoffice migrate sync` writes it into its copy.
USERS: tuple[str, sa.types.TypeEngine[Any]] | None = None

Users = tuple[str, sa.types.TypeEngine[Any]]

_OWN = ("backoffice_user.id", sa.Uuid())
_MOMENT = sa.DateTime(timezone=True)
# What refers to users by the type of their key; what refers to others of these first.
_REFERRING = (
    "ticket",
    "link_token",
    "link_request",
    "revocation",
    "api_key",
    "session",
    "user_role",
    "user_permission",
)


def upgrade() -> None:
    """Create the tables, where the app's own `create_all` has not done it before."""
    users = _users()
    if users == _OWN:
        _create_users()
    else:
        _make_way(users)
        _create_accounts(users)
    _create_roles(users)
    _create_credentials(users)
    _create_audit()


def _users() -> Users:
    """What a foreign key to users names, and its type, as the database has it."""
    context = op.get_context()
    named: Users = context.opts.get("backoffice_users") or USERS or _OWN
    if context.as_sql or named == _OWN:
        return named
    table, _, column = named[0].rpartition(".")
    columns = sa.inspect(op.get_bind()).get_columns(table)
    return named[0], next(each["type"] for each in columns if each["name"] == column)


def _make_way(users: Users) -> None:
    """Take away empty tables that refer to other users, as the app's `create_all` makes them."""
    if op.get_context().as_sql:
        return
    connection, table = op.get_bind(), users[0].rpartition(".")[0]
    inspector = sa.inspect(connection)
    if not inspector.has_table("backoffice_session"):
        return
    if inspector.get_foreign_keys("backoffice_session")[0]["referred_table"] == table:
        return
    names = [f"backoffice_{each}" for each in _REFERRING]
    there = [each for each in names if inspector.has_table(each)]
    for name in there:
        if connection.execute(sa.text(f"SELECT 1 FROM {name} LIMIT 1")).first():  # noqa: S608
            raise ValueError(
                f"{name} has rows that refer to other users than those of {table}; "
                "take user_table away again, or empty it"
            )
    for name in there:
        op.drop_table(name)


def _create_accounts(users: Users) -> None:
    """What is kept beside the app's own table; a user without a row is an ordinary one."""
    op.create_table(
        "backoffice_account",
        sa.Column("user_id", users[1], nullable=False, autoincrement=False),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("is_superuser", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_verified", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", _MOMENT, nullable=True),
        sa.Column("password_changed_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("user_id", name="pk_backoffice_account"),
        sa.ForeignKeyConstraint(
            ["user_id"], [users[0]], name="fk_backoffice_account_user", ondelete="CASCADE"
        ),
    )


def _create_users() -> None:
    op.create_table(
        "backoffice_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("hashed_password", sa.String(1024), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("password_changed_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_user"),
        sa.UniqueConstraint("email", name="uq_backoffice_user_email"),
        if_not_exists=True,
    )


def _create_roles(users: Users) -> None:
    op.create_table(
        "backoffice_role",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("description", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_role"),
        sa.UniqueConstraint("name", name="uq_backoffice_role_name"),
        if_not_exists=True,
    )
    op.create_table(
        "backoffice_role_permission",
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("permission", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("role_id", "permission", name="pk_backoffice_role_permission"),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["backoffice_role.id"],
            name="fk_backoffice_role_permission_role",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    op.create_table(
        "backoffice_user_role",
        sa.Column("user_id", users[1], nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "role_id", name="pk_backoffice_user_role"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            [users[0]],
            name="fk_backoffice_user_role_user",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["backoffice_role.id"],
            name="fk_backoffice_user_role_role",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_user_role_role", "backoffice_user_role", ["role_id"], if_not_exists=True
    )


def _create_credentials(users: Users) -> None:
    op.create_table(
        "backoffice_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", users[1], nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_seen_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_session"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            [users[0]],
            name="fk_backoffice_session_user",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_session_user", "backoffice_session", ["user_id"], if_not_exists=True
    )
    op.create_table(
        "backoffice_api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", users[1], nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("prefix", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_api_key"),
        sa.UniqueConstraint("prefix", name="uq_backoffice_api_key_prefix"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            [users[0]],
            name="fk_backoffice_api_key_user",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_api_key_user", "backoffice_api_key", ["user_id"], if_not_exists=True
    )


def _create_audit() -> None:
    op.create_table(
        "backoffice_audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backoffice_audit"),
        if_not_exists=True,
    )
    op.create_index("ix_backoffice_audit_at", "backoffice_audit", ["at"], if_not_exists=True)
    op.create_index(
        "ix_backoffice_audit_subject", "backoffice_audit", ["subject"], if_not_exists=True
    )


def downgrade() -> None:
    """Drop the tables, those that point at others first."""
    accounts = "account" if _adopted() else "user"
    for table in ("audit", "api_key", "session", "user_role", "role_permission", "role", accounts):
        op.drop_table(f"backoffice_{table}")


def _adopted() -> bool:
    context = op.get_context()
    if context.as_sql:
        return bool(context.opts.get("backoffice_users") or USERS)
    return sa.inspect(op.get_bind()).has_table("backoffice_account")
