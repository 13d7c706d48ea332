"""Parts of a record that have rows of their own: what it refers to, roles held, permissions."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, select
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty

from backoffice.auth import Role
from backoffice.auth.models import RoleInclusion, RolePermission, UserPermission, UserRole


@dataclass(frozen=True, eq=False)
class Part:
    """A field of a record that is kept in a table of its own, as a list in a fixed order."""

    field: str
    table: Table
    #: The column of the table that holds the record's key.
    owner: ColumnElement[Any]
    #: Gives the owner and what is to be told of each row; where and when it counts, if it says.
    rows: Select[Any]

    def read(self, connection: Connection, keys: Sequence[Any]) -> dict[Any, list[Any]]:
        """Of each record that has any, the values."""
        found: dict[Any, list[Any]] = defaultdict(list)
        for owner, *told in connection.execute(self.rows.where(self.owner.in_(keys))):
            found[owner].append(_told(*told))
        return {owner: sorted(values, key=str) for owner, values in found.items()}


def _told(value: Any, scope: str = "", expires_at: datetime | None = None) -> Any:
    """A grant that is for a part of the app or for a while says so."""
    within = f" in {scope}" if scope else ""
    until = f" until {expires_at:%Y-%m-%dT%H:%M:%SZ}" if expires_at else ""
    return f"{value}{within}{until}" if within or until else value


def parts_of(mapper: Mapper[Any]) -> Iterator[Part]:
    """The many-to-many relations of a model, each as the keys of what it refers to."""
    for each in mapper.relationships:
        several = each.direction is RelationshipDirection.MANYTOMANY and not each.viewonly
        if several and (part := _relation(each)) is not None:
            yield part


def _relation(found: RelationshipProperty[Any]) -> Part | None:
    table, pairs, others = (
        found.secondary,
        found.synchronize_pairs,
        found.secondary_synchronize_pairs or (),
    )
    if not isinstance(table, Table) or len(pairs) != 1 or len(others) != 1:
        return None  # A composite key: what refers by one is in no form either.
    owner, value = pairs[0][1], others[0][1]
    return Part(found.key, table, owner, select(owner, value))


def parts_of_users() -> Iterator[Part]:
    """Roles held, and permissions by no role."""
    held, granted = _table(UserRole), _table(UserPermission)
    role = _table(Role)
    columns = held.c.user_id, role.c.name, held.c.scope, held.c.expires_at
    rows = select(*columns).join_from(held, role, role.c.id == held.c.role_id)
    yield Part("roles", held, held.c.user_id, rows)
    own = granted.c
    rows = select(own.user_id, own.permission, own.scope, own.expires_at)
    yield Part("permissions", granted, own.user_id, rows)


def parts_of_roles() -> Iterator[Part]:
    """What a role allows, and which ones it includes."""
    allowed, included, role = _table(RolePermission), _table(RoleInclusion), _table(Role)
    rows = select(allowed.c.role_id, allowed.c.permission)
    yield Part("permissions", allowed, allowed.c.role_id, rows)
    rows = select(included.c.role_id, role.c.name).join_from(
        included, role, role.c.id == included.c.included_id
    )
    yield Part("includes", included, included.c.role_id, rows)


def _table(model: type[Any]) -> Table:
    found = inspected(model).local_table
    assert isinstance(found, Table)  # noqa: S101 - our own models have one
    return found
