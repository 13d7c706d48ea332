"""Let roles include roles, and grants be for a while, within a scope, or of one permission."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "auth_0005"
down_revision = "auth_0004"
branch_labels = None
depends_on = None

#: What a foreign key to the app's own users names, and its type; None where users are in our table.
#: `backoffice migrate sync` writes it into its copy.
USERS: tuple[str, sa.types.TypeEngine[Any]] | None = None

Users = tuple[str, sa.types.TypeEngine[Any]]

_OWN = ("backoffice_user.id", sa.Uuid())
_MOMENT = sa.DateTime(timezone=True)
_HELD, _MADE = "backoffice_user_role", "backoffice_user_role_new"
_KEY = ["user_id", "role_id", "scope"]


def _added() -> list[sa.Column[object]]:
    return [
        sa.Column("scope", sa.String(128), nullable=False, server_default=sa.text("''")),
        sa.Column("expires_at", _MOMENT, nullable=True),
    ]


def upgrade() -> None:
    """Make what the app's own `create_all` has not made before."""
    users = _users()
    # migrate: allow BM101 because no release has the table without it: nobody has rows there yet
    op.create_index(
        "ix_backoffice_role_permission_permission",
        "backoffice_role_permission",
        ["permission"],
        if_not_exists=True,
    )
    _create_inclusions()
    _create_permissions(users)
    if _lacks_scope():
        _widen(users)


def _users() -> Users:
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


def _create_inclusions() -> None:
    op.create_table(
        "backoffice_role_inclusion",
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("included_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("role_id", "included_id", name="pk_backoffice_role_inclusion"),
        *(
            sa.ForeignKeyConstraint(
                [column],
                ["backoffice_role.id"],
                name=f"fk_backoffice_role_inclusion_{column.removesuffix('_id')}",
                ondelete="CASCADE",
            )
            for column in ("role_id", "included_id")
        ),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_role_inclusion_included",
        "backoffice_role_inclusion",
        ["included_id"],
        if_not_exists=True,
    )


def _create_permissions(users: Users) -> None:
    op.create_table(
        "backoffice_user_permission",
        sa.Column("user_id", users[1], nullable=False),
        sa.Column("permission", sa.String(128), nullable=False),
        sa.Column("scope", sa.String(128), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint(
            "user_id", "permission", "scope", name="pk_backoffice_user_permission"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            [users[0]],
            name="fk_backoffice_user_permission_user",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    op.create_index(
        "ix_backoffice_user_permission_permission",
        "backoffice_user_permission",
        ["permission"],
        if_not_exists=True,
    )


def _lacks_scope() -> bool:
    """A script printed for later cannot look."""
    if op.get_context().as_sql:
        return True
    columns = sa.inspect(op.get_bind()).get_columns(_HELD)
    return "scope" not in {each["name"] for each in columns}


def _widen(users: Users) -> None:
    """The scope is part of the key, which SQLite cannot change."""
    if op.get_context().dialect.name == "sqlite":
        _remake(users, _KEY, _added())
        return
    for column in _added():
        op.add_column(_HELD, column)
    op.drop_constraint("pk_backoffice_user_role", _HELD)
    # migrate: allow BM102 because no release has the table without it: nobody has rows there yet
    op.create_primary_key("pk_backoffice_user_role", _HELD, _KEY)


def _remake(users: Users, key: list[str], more: Sequence[sa.Column[object]] = ()) -> None:
    op.create_table(
        _MADE,
        sa.Column("user_id", users[1], nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint(*key, name="pk_backoffice_user_role"),
        sa.ForeignKeyConstraint(
            ["user_id"], [users[0]], name="fk_backoffice_user_role_user", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["backoffice_role.id"],
            name="fk_backoffice_user_role_role",
            ondelete="CASCADE",
        ),
    )
    op.execute(f"INSERT INTO {_MADE} (user_id, role_id) SELECT user_id, role_id FROM {_HELD}")  # noqa: S608
    # migrate: allow BM402 because its rows are in the table that takes its name
    op.drop_table(_HELD)
    op.rename_table(_MADE, _HELD)
    op.create_index("ix_backoffice_user_role_role", _HELD, ["role_id"])


def downgrade() -> None:
    """Take it back; what was for a while, or for a part of the app, is granted no more."""
    users = _users()
    op.execute(f"DELETE FROM {_HELD} WHERE scope <> '' OR expires_at IS NOT NULL")  # noqa: S608
    if op.get_context().dialect.name == "sqlite":
        _remake(users, _KEY[:2])
    else:
        op.drop_constraint("pk_backoffice_user_role", _HELD)
        op.drop_column(_HELD, "expires_at")
        op.drop_column(_HELD, "scope")
        op.create_primary_key("pk_backoffice_user_role", _HELD, _KEY[:2])
    op.drop_table("backoffice_user_permission")
    op.drop_table("backoffice_role_inclusion")
    op.drop_index("ix_backoffice_role_permission_permission", "backoffice_role_permission")
