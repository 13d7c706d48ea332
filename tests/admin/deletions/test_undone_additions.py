"""Undoing that a record was added deletes it: what goes with it is told before that as well."""

import pytest

from tests.admin.conftest import House
from tests.admin.deletions.archive import Contract, Edition, Publisher, Volume
from tests.admin.deletions.test_what_goes import ALL, items
from tests.admin.history.changes import last

TOLD = ".told"


@pytest.fixture
def added(house: House) -> tuple[House, str]:
    """A publisher that was added by hand, with an edition since, and the way to undo it."""
    house.signed_in(*(f"{each}:*" for each in ALL))
    assert house.send("/publishers/add", {"name": "Press"}).status_code == 303
    house.add(Edition(name="First", publisher_id=1))
    return house, f"/publishers/undo?change={last(house, 'publishers').number}"


def test_what_goes_is_told_before(added: tuple[House, str]) -> None:
    """And told again if more has come to it since."""
    house, path = added
    page = house.open(path).text
    assert items(page) == ["Editions: 1: First"]
    digest = page.partition(f'name="{TOLD}" value="')[2].partition('"')[0]
    house.add(Edition(name="Second", publisher_id=1))
    again = house.send(path, {TOLD: digest})
    assert (again.status_code, items(again.text)) == (409, ["Editions: 2: First, Second"])
    assert len(house.all(Edition)) == 2
    digest = again.text.partition(f'name="{TOLD}" value="')[2].partition('"')[0]
    assert house.send(path, {TOLD: digest}).status_code == 303
    assert [*house.all(Edition), *house.all(Publisher)] == []


def test_what_stops_it_is_told_before(added: tuple[House, str]) -> None:
    """With no button that would do nothing."""
    house, path = added
    house.add(Volume(name="One", edition_id=1))
    house.add(Contract(name="Held", volume_id=1))
    page = house.open(path).text
    assert "other records refer to what was to go (Contracts" in page
    assert ">Undo</button>" not in page
    assert house.send(path, {}).status_code == 409
    assert len(house.all(Publisher)) == 1
