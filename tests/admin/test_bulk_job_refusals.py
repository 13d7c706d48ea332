"""A job that would fail again at the same place ends at once, and says why."""

from collections.abc import Iterator

import pytest
from sqlalchemy import ColumnElement
from sqlmodel import col

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal
from backoffice.core import Conflict
from tests.admin.background import ended, start
from tests.admin.conftest import House, create_tables
from tests.admin.extended import Extended
from tests.admin.library import Tag
from tests.services.databases import Databases

FAILURES: list[Exception] = []


def made(auth: Auth) -> Admin:
    @auth.policy(Tag, "delete")
    def failing(_: Principal, tag: type[Tag]) -> ColumnElement[bool]:
        if FAILURES:
            raise FAILURES[0]
        return col(tag.name) != ""

    return Admin(auth, models=[Tag])


@pytest.fixture
def house(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with sqlite_databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with Extended(made) as found:
            found.add(Tag(name="new"))
            found.signed_in("tags:*")
            yield found
    FAILURES.clear()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Conflict("The stock is being counted."), "The stock is being counted."),
        (ValueError("secret"), "It cannot go on; the log of the app says why."),
    ],
)
def test_what_is_no_trouble_of_the_database_is_not_tried_again(
    house: House, failure: Exception, reason: str
) -> None:
    FAILURES.append(failure)
    job = ended(house, start(house, "delete"))
    assert (job.state, job.reason, job.vain) == ("stopped", reason, 0)
    assert [each.name for each in house.all(Tag)] == ["new"]
