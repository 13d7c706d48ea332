"""What a deletion reaches is told before it is done, and stopped where it may not be."""

import re
from html import unescape

from tests.admin.conftest import House
from tests.admin.deletions.archive import (
    Contract,
    Desk,
    Edition,
    Folder,
    Line,
    Order,
    Publisher,
    Remark,
    Review,
    Team,
    Volume,
)

ALL = ("publishers", "editions", "volumes", "reviews", "contracts")
PUBLISHER = "/publishers/action?name=delete&pks=1"


def question(house: House, path: str) -> str:
    answer = house.open(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def items(page: str) -> list[str]:
    """What the page says is reached, as text."""
    found = re.findall(r'<ul class="reached">(.*?)</ul>', page, re.DOTALL)
    texts = re.findall(r"<li>(.*?)</li>", "".join(found), re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in texts]


def delete(house: House, resource: str, *keys: str, told: str | None = None) -> int:
    form: dict[str, object] = {"name": "delete", "pks": list(keys)}
    if told is not None:
        form[".told"] = told
    status: int = house.send(f"/{resource}/action", form).status_code
    return status


def stock(house: House) -> None:
    house.add(Publisher(name="Press"), Publisher(name="Other"))
    house.add(Edition(name="One", publisher_id=1), Edition(name="Two", publisher_id=1))
    house.add(*(Volume(name=f"Volume {number}", edition_id=1) for number in range(1, 8)))
    house.add(Review(name="Good", volume_id=1), Review(name="Of none"))


def test_cascades_are_told_through_several_levels_and_then_done(house: House) -> None:
    """Counted, the first few by name, and what loses its reference."""
    stock(house)
    house.signed_in(*(f"{each}:*" for each in ALL))
    assert items(question(house, PUBLISHER)) == [
        "Editions: 2: One, Two",
        "Volumes: 7: Volume 1, Volume 2, Volume 3, Volume 4, Volume 5, and more",
        "Reviews by Volume: 1: Good",
    ]
    assert delete(house, "publishers", "1") == 303
    assert (house.all(Edition), house.all(Volume)) == ([], [])
    assert [each.volume_id for each in house.all(Review)] == [None, None]


def test_what_stops_it_is_told_and_nothing_is_deleted(house: House) -> None:
    """Also two levels below; no button is offered."""
    stock(house)
    house.add(Contract(name="Signed", volume_id=7))
    house.signed_in(*(f"{each}:*" for each in ALL))
    page = question(house, PUBLISHER)
    assert "Contracts by Volume: 1: Signed" in items(page)
    assert '<button class="danger">' not in page
    answer = house.send("/publishers/action", {"name": "delete", "pks": "1"})
    assert answer.status_code == 409
    assert "Contracts by Volume: 1" in answer.text
    assert len(house.all(Publisher)) == 2


def test_a_cascade_needs_the_permission_on_what_goes(house: House) -> None:
    """And to change what loses its reference."""
    stock(house)
    lacking = {
        "volumes:delete": "you may not delete volumes",
        "reviews:change": "you may not change reviews",
        "volumes:view": "you may not delete records that you may not see",
    }
    verbs = ("view", "change", "delete")
    for number, (missing, reason) in enumerate(lacking.items()):
        held = [f"{each}:{verb}" for each in ALL for verb in verbs if f"{each}:{verb}" != missing]
        house.client.cookies.clear()
        house.signed_in(*held, email=f"editor{number}@example.com")
        assert reason in question(house, PUBLISHER)
        assert delete(house, "publishers", "1") == 409
        assert len(house.all(Volume)) == 7
    assert "Volume 1" not in question(house, PUBLISHER)


def test_a_cascade_keeps_to_the_policies_of_what_goes(house: House) -> None:
    """One record that may not be deleted holds back all of it."""
    stock(house)
    house.add(Volume(name="Kept", edition_id=2))
    house.signed_in(*(f"{each}:*" for each in ALL))
    assert "you may not delete some of the volumes" in question(house, PUBLISHER)
    assert delete(house, "publishers", "1") == 409
    assert len(house.all(Volume)) == 8


def test_who_is_asked_for_less_than_would_go_is_asked_again(house: House) -> None:
    """More may refer to it by the time of the answer."""
    stock(house)
    house.signed_in(*(f"{each}:*" for each in ALL))
    told = question(house, PUBLISHER).split('name=".told" value="')[1].split('"')[0]
    house.add(Edition(name="Three", publisher_id=1))
    assert delete(house, "publishers", "1", told=told) == 409
    assert len(house.all(Edition)) == 3
    told = question(house, PUBLISHER).split('name=".told" value="')[1].split('"')[0]
    assert delete(house, "publishers", "1", told=told) == 303


def test_a_table_that_refers_to_itself_is_followed(house: House) -> None:
    """Through all levels; what was chosen itself is not counted twice."""
    house.add(Folder(name="Root"))
    house.add(Folder(name="A", parent_id=1), Folder(name="B", parent_id=1))
    house.add(Folder(name="C", parent_id=2))
    house.signed_in("folders:*")
    assert items(question(house, "/folders/action?name=delete&pks=1")) == ["Folders: 3: A, B, C"]
    both = question(house, "/folders/action?name=delete&pks=1&pks=2")
    assert items(both) == ["Folders: 2: B, C"]
    assert delete(house, "folders", "1") == 303
    assert house.all(Folder) == []


def test_a_folder_within_itself_ends(house: House) -> None:
    """A circle is no endless cascade."""
    house.add(Folder(name="A"))
    house.add(Folder(name="B", parent_id=1))
    house.signed_in("folders:*")
    assert house.send("/folders/edit?pk=1", {"parent_id": "2"}).status_code == 303
    assert items(question(house, "/folders/action?name=delete&pks=1")) == ["Folders: 1: B"]
    assert delete(house, "folders", "1") == 303
    assert house.all(Folder) == []


def test_the_cascades_of_relationships_are_followed(house: House) -> None:
    """They are the session's, whatever the database would do."""
    house.add(Order(name="First"))
    house.add(Line(name="Pen", order_id=1), Remark(name="Urgent", order_id=1))
    house.signed_in("orders:*", "lines:*", "remarks:*")
    page = question(house, "/orders/action?name=delete&pks=1")
    assert items(page) == ["Lines: 1: Pen", "Remarks by Order: 1: Urgent"]
    assert delete(house, "orders", "1") == 303
    assert house.all(Line) == []
    assert [each.order_id for each in house.all(Remark)] == [None]


def test_what_the_session_could_only_break_is_told_before(house: House) -> None:
    """A relationship without a cascade empties a column that must not be empty."""
    house.add(Team(name="First"))
    house.add(Desk(name="Left", team_id=1))
    house.signed_in("teams:*", "desks:*")
    page = question(house, "/teams/action?name=delete&pks=1")
    assert items(page) == ["Desks by Team: 1: Left"]
    assert delete(house, "teams", "1") == 409
    assert len(house.all(Desk)) == 1


def test_accounts_tell_what_goes_with_them(house: House) -> None:
    """And are deleted by their service all the same."""
    house.signed_in(superuser=True)
    bob = house.user("bob@example.com", "publishers:view")
    page = question(house, f"/users/action?name=delete&pks={bob.id}")
    assert items(page)
    assert delete(house, "users", str(bob.id)) == 303
