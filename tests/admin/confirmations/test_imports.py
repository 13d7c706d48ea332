"""An import of what is dangerous asks for the password again, and keeps the file meanwhile."""

import pytest

from tests.admin.confirming import GuardedHouse, TagAdmin, confirmed
from tests.admin.importing import counts, sent, settled, tried, upload
from tests.admin.library import Tag
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: forms are held by pages, and by no database."""
    return sqlite_databases


def test_rows_are_not_written_without_the_password(
    site: GuardedHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a page to which adding is dangerous; what only tries them asks for none."""
    monkeypatch.setattr(TagAdmin, "dangerous", ("add",))
    number = sent(site, "name\nsale\n", "tags")
    tried(site, number, "tags", key="")
    asked = site.send("/tags/import/write", {"pk": number})
    assert asked.status_code == 403
    assert "Confirm your password" in asked.text
    assert [each.name for each in site.all(Tag)] == ["new"]
    assert confirmed(site, asked).status_code == 303
    assert counts(settled(site, number)) == (1, 0, 0, 0)
    assert {each.name for each in site.all(Tag)} == {"new", "sale"}


def test_a_file_of_a_session_that_has_ended_is_asked_for_again(site: GuardedHouse) -> None:
    """The page that holds a form holds no file, and none is taken for empty."""
    token = site.token()
    site.client.cookies.clear()
    site.sign_in()
    answer = upload(site, "name\nsale\n", resource="tags", token=token)
    assert answer.status_code == 409
    again = confirmed(site, answer)
    assert again.status_code == 422
    assert "Choose a file first." in again.text
