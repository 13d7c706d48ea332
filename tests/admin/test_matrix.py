"""The matrix of roles: many cells changed in one save, foreseen, and never beyond one's reach."""

import re
from html import unescape
from typing import Any

import pytest
from httpx2 import Response

from backoffice.auth import Role
from tests.admin.conftest import House

MANAGER = ("roles:*", "users:view", "books:view", "books:change")


@pytest.fixture
def manager(house: House) -> House:
    """Somebody who manages roles and may see and change books, signed in.

    `chief` includes `reader`; bob holds chief, eve reader.
    """
    roles = house.services.roles
    house.call(roles.create("reader", ["books:view"], actor="test"))
    house.call(roles.create("chief", includes=["reader"], actor="test"))
    house.call(roles.create("boss", ["*"], actor="test"))
    for name, held in (("bob", "chief"), ("eve", "reader")):
        user = house.user(f"{name}@example.com")
        house.call(roles.grant(user.id, held, actor="test"))
    house.signed_in(*MANAGER, email="manager@example.com")
    return house


def role(house: House, name: str) -> Role:
    return house.call(house.services.roles.find(name))


def allowed(house: House, name: str) -> list[str]:
    return house.call(house.services.roles.permissions_of(role(house, name).id))


def boxes(page: str) -> dict[str, str]:
    """The attributes of each box of the matrix by its label."""
    found = re.findall(r'<input type="checkbox" name="allow"([^>]*)><span[^>]*>([^<]*)<', page)
    return {unescape(label): attributes for attributes, label in found}


def sent(page: str, *more: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a browser sends of the matrix when these boxes are ticked, or not any more."""
    ticked = [
        value[1]
        for label, attributes in boxes(page).items()
        if (value := re.search(r'value="([^"]+)"', attributes))
        and "disabled" not in attributes
        and label not in without
        and ("checked" in attributes or label in more)
    ]
    return {"stood": re.findall(r'name="stood" value="([^"]+)"', page), "allow": ticked}


def confirming(answer: Response) -> dict[str, Any]:
    """What the preview sends."""
    assert answer.status_code in (200, 409), answer.text
    told = re.search(r'name="told" value="(\w+)"', answer.text)
    cells = re.findall(r'name="cell" value="([^"]+)"', answer.text)
    assert told is not None, answer.text
    return {"told": told[1], "cell": cells}


def rows(page: str) -> dict[str, list[str]]:
    """Whom a preview names, with what they gain and lose."""
    found = re.findall(r'<tr><td data-label="(?:Role|Who)">(.*?)</td>(.*?)</tr>', page, re.DOTALL)
    return {
        re.sub(r"<[^>]+>", "", who): re.findall(r'class="choice">([\w:*-]+)<', effect)
        for who, effect in found
    }


def test_it_shows_what_each_role_allows_and_by_what(manager: House) -> None:
    page = manager.open("/roles/matrix").text
    found = boxes(page)
    assert "checked" in found["reader: books:view"]
    assert "checked" not in found["chief: books:view"]
    assert "by reader" in page
    assert "by *" in page
    assert "disabled" not in found["reader: books:change"]
    assert "disabled" in found["reader: books:delete"], "which the manager may not do"
    assert "disabled" in found["boss: books:view"], "which allows more than the manager may do"
    only = boxes(manager.open("/roles/matrix?of=books&q=read").text)
    assert {each.partition(":")[0] for each in only} == {"reader"}
    assert all(": books:" in each for each in only)


def test_a_change_is_foreseen_for_roles_and_people_and_done_once_it_is_confirmed(
    manager: House,
) -> None:
    page = manager.open("/roles/matrix").text
    form = sent(page, "reader: books:change", without=("reader: books:view",))
    asked = manager.send("/roles/matrix", form)
    told = rows(asked.text)
    for each in ("reader", "chief", "bob@example.com", "eve@example.com"):
        assert told[each] == ["books:change", "books:view"], each
    assert "manager@example.com" not in told
    assert allowed(manager, "reader") == ["books:view"], "nothing is done by asking"
    before = len(manager.events())
    assert manager.send("/roles/matrix", confirming(asked)).status_code == 303
    assert allowed(manager, "reader") == ["books:change"]
    (event,) = manager.events()[before:]
    assert (event.event, event.subject) == ("auth.role_changed", "role:reader")
    assert event.data["change"] == "allowed books:change, denied books:view"
    history = manager.open(f"/roles/history?pk={role(manager, 'reader').id}").text
    assert "books:change" in history


def test_a_form_sent_back_as_it_came_changes_nothing(manager: House) -> None:
    page = manager.open("/roles/matrix").text
    answer = manager.send("/roles/matrix", sent(page))
    assert answer.status_code == 303
    assert "Nothing was changed." in manager.open("/roles/matrix").text


def test_two_who_change_cells_at_once_lose_none_of_each_others(manager: House) -> None:
    """The second is told what else has changed by then where that matters, and nothing before."""
    page = manager.open("/roles/matrix").text
    asked = manager.send("/roles/matrix", sent(page, "chief: books:change"))
    roles = manager.services.roles
    manager.call(roles.allow("reader", ["users:view"], actor="test"))
    manager.call(roles.allow("chief", ["roles:view"], actor="test"))
    assert manager.send("/roles/matrix", confirming(asked)).status_code == 303
    assert allowed(manager, "chief") == ["books:change", "roles:view"]
    page = manager.open("/roles/matrix").text
    asked = manager.send("/roles/matrix", sent(page, without=("reader: books:view",)))
    assert rows(asked.text)["bob@example.com"] == ["books:view"]
    manager.call(roles.allow("chief", ["books:view"], actor="test"))
    again = manager.send("/roles/matrix", confirming(asked))
    assert again.status_code == 409
    assert "Something else would come of it by now" in again.text
    assert allowed(manager, "reader") == ["books:view", "users:view"]
    assert "bob@example.com" not in rows(again.text)
    assert manager.send("/roles/matrix", confirming(again)).status_code == 303
    assert allowed(manager, "reader") == ["users:view"]


def test_nobody_gives_or_takes_by_hand_what_they_do_not_hold(manager: House) -> None:
    before = {name: allowed(manager, name) for name in ("reader", "boss")}
    token = manager.token()
    for sign, name, permission in (
        ("+", "reader", "books:delete"),
        ("+", "reader", "books:*"),
        ("+", "reader", "*"),
        ("+", "boss", "books:view"),
        ("-", "boss", "*"),
    ):
        form = {"told": "0" * 64, "cell": f"{sign} {role(manager, name).id} {permission}"}
        assert manager.send("/roles/matrix", form, token).status_code == 403
    assert {name: allowed(manager, name) for name in before} == before


def test_who_may_only_look_changes_nothing_and_who_sees_no_users_is_told_of_roles(
    manager: House,
) -> None:
    manager.client.cookies.clear()
    manager.signed_in("roles:view", "books:*", email="looker@example.com")
    page = manager.open("/roles/matrix").text
    assert all("disabled" in each for each in boxes(page).values())
    assert "Preview" not in page
    form = {"cell": f"+ {role(manager, 'reader').id} books:change", "told": ""}
    assert manager.send("/roles/matrix", form).status_code == 403
    manager.client.cookies.clear()
    manager.signed_in("roles:*", "books:*", email="clerk@example.com")
    page = manager.open("/roles/matrix").text
    asked = manager.send("/roles/matrix", sent(page, "reader: books:change"))
    assert set(rows(asked.text)) == {"reader", "chief"}
    assert "You may not see users" in asked.text
    assert "bob@example.com" not in asked.text


def test_strangers_and_those_without_the_permission_are_turned_away(manager: House) -> None:
    manager.client.cookies.clear()
    assert manager.open("/roles/matrix").status_code == 303
    answer = manager.client.post("/admin/roles/matrix", headers={"Origin": "http://testserver"})
    assert answer.status_code == 401
    manager.signed_in("users:*", email="other@example.com")
    assert manager.open("/roles/matrix").status_code == 403
    assert manager.send("/roles/matrix", {"told": ""}).status_code == 403


def test_what_would_leave_nobody_to_run_the_back_office_is_told_and_not_done(
    manager: House,
) -> None:
    own = role(manager, "role of manager")
    asked = manager.send("/roles/matrix", {"stood": f"{own.id} roles:*"})
    answer = manager.send("/roles/matrix", confirming(asked))
    assert answer.status_code == 409
    assert "nobody would be left who may do roles:change" in answer.text
    assert "roles:*" in allowed(manager, "role of manager")


def test_a_form_of_no_page_is_answered_in_words(manager: House) -> None:
    manager.client.cookies.clear()
    manager.signed_in(superuser=True, email="root@example.com")
    nobody, token = "00000000-0000-0000-0000-000000000000", manager.token()
    for form, status in (
        ({"allow": "nonsense"}, 400),
        ({"allow": f"{nobody} books:view"}, 404),
        ({"stood": "x y"}, 400),
        ({"told": "", "cell": "* a b"}, 400),
        ({"told": "", "cell": f"+ {nobody} Books"}, 400),
        ({"allow": f"{role(manager, 'reader').id} books:veiw"}, 422),
    ):
        answer = manager.send("/roles/matrix", form, token)
        assert answer.status_code == status, form
    assert "did you mean books:view?" in unescape(answer.text)


def test_every_role_is_on_one_page_of_it_however_its_name_is_written(manager: House) -> None:
    """A database may order names otherwise than they are compared."""

    async def ordered_as_in_a_book() -> None:
        async with manager.services.database.session() as session:
            await (await session.connection()).exec_driver_sql(
                'ALTER TABLE backoffice_role ALTER name TYPE VARCHAR(64) COLLATE "en-x-icu"'
            )
            await session.commit()

    if manager.services.database.dialect == "postgresql":
        manager.call(ordered_as_in_a_book())
    names = ["B", "a b", "ab", "A c", "_a", "ä", "Zoë", "b", "z-1", "z 0", "É"]
    for each in names:
        manager.call(manager.services.roles.create(each, actor="test"))
    seen: list[str] = []
    path = "/roles/matrix?of=books"
    while path:
        page = manager.open(path).text
        seen += dict.fromkeys(each.rpartition(": books:")[0] for each in boxes(page))
        more = re.search(r'href="[^"]*(/roles/matrix\?[^"]*)">More roles<', page)
        path = unescape(more[1]) if more else ""
    everyone = [role.name for role, _ in manager.call(manager.services.roles.all())]
    assert sorted(seen) == sorted(everyone)
