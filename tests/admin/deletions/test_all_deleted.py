"""All that was deleted is restored, or deleted for good, in the background."""

from datetime import UTC, datetime

from tests.admin.background import ended, start
from tests.admin.conftest import House
from tests.admin.deletions.archive import Letter


def kept(house: House) -> set[str]:
    return {each.name for each in house.all(Letter) if each.deleted_at is None}


def test_all_that_was_deleted_comes_back_and_nothing_else_is_touched(house: House) -> None:
    """Of what matches the search of the list of deleted records."""
    at = datetime(2026, 1, 2, tzinfo=UTC)
    house.add(*(Letter(name=f"Gone {number:02}", deleted_at=at) for number in range(12)))
    house.add(Letter(name="Lost", deleted_at=at), Letter(name="Gone not"))
    house.signed_in("letters:*")
    page = house.open("/letters?deleted=only&q=Gone&page_size=10").text
    assert "or with all 12 that match" in page
    assert 'name="query" value="deleted=only&amp;q=Gone"' in page
    query = "deleted=only&q=Gone"
    asked = house.open(f"/letters/action?name=restore&all=1&query={query.replace('&', '%26')}")
    assert "Restore 12 letters?" in asked.text
    job = ended(house, start(house, "restore", "letters", query))
    assert (job.state, job.total, job.done) == ("done", 12, 12)
    assert kept(house) == {f"Gone {number:02}" for number in range(12)} | {"Gone not"}
    purged = ended(house, start(house, "purge", "letters", "deleted=only"))
    assert (purged.total, purged.done) == (1, 1)
    assert "Lost" not in {each.name for each in house.all(Letter)}


def test_what_is_not_deleted_is_none_of_them(house: House) -> None:
    """Whoever may not list what was deleted may not start anything of it either."""
    house.add(Letter(name="Here"))
    house.signed_in("letters:view", "letters:delete")
    form = {"name": "delete", "all": "1", "query": "deleted=only"}
    assert house.send("/letters/action", form).status_code == 400
    assert kept(house) == {"Here"}
