"""Who has changed a record since somebody opened its form, as the history tells it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from starlette.requests import Request

from backoffice.admin.history.models import Change
from backoffice.admin.records import RecordView
from backoffice.admin.versions import Version
from backoffice.admin.visits import visit_of
from backoffice.auth.user_records import UserRecords

_MOST = 5
_USER = "user:"
_SOMEBODY = "Somebody"


@dataclass(frozen=True)
class Changer:
    """One change of the record: who made it, when, and of which fields."""

    who: str
    at: datetime
    labels: str


async def changes_since(
    view: RecordView, request: Request, key: str, version: Version | None
) -> list[Changer]:
    """The last changes of the record after its form was opened, of fields that may be read."""
    if version is None or version.opened is None:
        return []
    # Any: the columns of a SQLModel class are its values to a type checker.
    table: Any = Change
    query = (
        select(table)
        .where(table.resource == view.resource, table.record_key == key)
        .where(table.at >= version.opened)
        .order_by(table.number.desc())
        .limit(_MOST)
    )
    found = (await view.executed(request, query)).scalars().all()
    names = await actor_names(view, request, {each.actor for each in found})
    return [
        Changer(names.get(each.actor, _SOMEBODY), each.at, labels)
        for each in found
        if (labels := _labels(view, request, each.changes))
    ]


async def actor_names(
    view: RecordView, request: Request, actors: Collection[str]
) -> dict[str, str]:
    """Actor to address, of people whose accounts may be seen."""
    users = view._find_foreign_view("users")
    if not isinstance(users, RecordView) or not users.is_accessible(request):
        return {}
    if "email" in users.hidden(request):
        return {}
    records = visit_of(request).services.records
    ids = {found for each in actors if (found := _user_id(each, records)) is not None}
    user: Any = records.user
    query = users.within(request, select(user.id, user.email).where(user.id.in_(ids)), "view")
    return {f"{_USER}{id}": email for id, email in (await view.executed(request, query)).all()}


def _labels(view: RecordView, request: Request, names: Iterable[str]) -> str:
    shown = {each.name: each.label for each in view.fields if view.is_readable(request, each)}
    return ", ".join(str(shown[each]) for each in names if each in shown)


def _user_id(name: str, records: UserRecords) -> UUID | None:
    try:
        return records.read_id(name.removeprefix(_USER)) if name.startswith(_USER) else None
    except ValueError:
        return None
