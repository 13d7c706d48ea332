"""The history as the database has it, for tests to compare."""

import re
from typing import Any

from sqlmodel import col, select

from backoffice.admin.history import Change
from tests.admin.conftest import House


def changes(house: House, resource: str = "", action: str = "") -> list[Change]:
    """The oldest first."""

    async def found() -> list[Change]:
        async with house.services.database.session() as session:
            query = select(Change).order_by(col(Change.number))
            return list((await session.exec(query)).all())

    return [
        each
        for each in house.call(found())
        if resource in ("", each.resource) and action in ("", each.action)
    ]


def last(house: House, resource: str) -> Change:
    return changes(house, resource)[-1]


def told(house: House, resource: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Action, key and fields of each."""
    return [(each.action, each.record_key, each.changes) for each in changes(house, resource)]


def titles(page: str) -> list[tuple[str, str]]:
    """What the changes on the page are of, in their order."""
    found = re.findall(r"<strong>(\w+)</strong> <a href=[^>]*>([^<]*)<", page)
    return [(done, label) for done, label in found]


def rename(house: House, *names: str, key: int = 1) -> None:
    """Give a book these names, one after the other."""
    for name in names:
        assert house.send(f"/books/edit?pk={key}", {"title": name}).status_code == 303
