"""What a deletion of all that match reaches is told before it is begun."""

import pytest

from backoffice.admin.routes import jobs
from tests.admin.conftest import House
from tests.admin.deletions.archive import Contract, Edition, Publisher, Volume
from tests.admin.deletions.test_what_goes import ALL, items

ASKED = "/publishers/action?name=delete&all=1"


@pytest.fixture
def stocked(house: House) -> House:
    house.add(*(Publisher(name=f"Press {number}") for number in range(1, 4)))
    house.add(*(Edition(name=f"Edition {number}", publisher_id=number) for number in range(1, 4)))
    house.add(Volume(name="Bound", edition_id=1), Volume(name="Loose", edition_id=3))
    house.add(Contract(name="Lease", volume_id=1))
    return house


def test_it_says_what_goes_with_all_that_match_and_what_stays(stocked: House) -> None:
    stocked.signed_in(*(f"{each}:*" for each in ALL))
    page = stocked.open(ASKED).text
    assert "Delete 3 publishers?" in page
    assert set(items(page)) == {
        "Editions: 3: Edition 1, Edition 2, Edition 3",
        "Volumes: 2: Bound, Loose",
        "Contracts by Volume: 1: Lease",
    }
    assert "What these refer to cannot be deleted, and stays" in page
    assert "What follows is of the first" not in page
    some = stocked.open(f"{ASKED}&query=q%3DPress%2B3").text
    assert items(some) == ["Editions: 1: Edition 3", "Volumes: 1: Loose"]


def test_of_more_it_is_told_of_the_first(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOKED_AT", 2)
    stocked.signed_in(*(f"{each}:*" for each in ALL))
    page = stocked.open(ASKED).text
    assert "What follows is of the first 2 of them" in page
    assert "Editions: 2: Edition 1, Edition 2" in items(page)


def test_what_may_not_be_seen_is_not_named(stocked: House) -> None:
    stocked.signed_in("publishers:*")
    page = stocked.open(ASKED).text
    assert "Edition 1" not in page
    assert "Not all of them can be deleted: " in page
