"""What is done about a line whose address has an account."""

from typing import Any

import pytest

from tests.auth.conftest import PASSWORD, House
from tests.auth.user_files.conftest import BROUGHT, Importer


@pytest.fixture
def ann(house: House) -> str:
    """Somebody who is there, and signed in."""
    house.accounts.role("editor", "books:read")
    house.user("ann@example.com")
    return house.token()


def test_they_are_left_as_they_are(importer: Importer, ann: str) -> None:
    before = importer.events()
    assert importer({"email": "ANN@example.com", "is_active": False}) == {"skipped": 1}
    assert importer.user("ann@example.com").is_active
    assert importer.events() == [*before, "users_imported"]


def test_they_are_refused_where_that_is_said(importer: Importer, ann: str) -> None:
    line = {"email": "ann@example.com"}
    assert importer.refused(line, existing="refuse") == [(1, "email_taken")]


def test_they_are_brought_to_what_the_line_says(house: House, importer: Importer, ann: str) -> None:
    line = {"email": "ann@example.com", "is_verified": True, "roles": ["editor"]}
    assert importer(line, existing="update") == {"updated": 1}
    assert importer.user("ann@example.com").is_verified
    assert house.get("/books", ann).status_code == 200
    assert importer.events()[-3:] == ["user_changed", "role_granted", "users_imported"]


def test_what_a_line_does_not_say_stays(importer: Importer, ann: str) -> None:
    full = {"email": "ann@example.com", "is_verified": True, "roles": ["editor"]}
    importer(full, existing="update")
    before = importer.user("ann@example.com").model_dump()
    assert importer({"email": "ann@example.com"}, existing="update") == {"skipped": 1}
    assert importer({**full, "is_active": ""}, existing="update") == {"skipped": 1}
    assert importer.user("ann@example.com").model_dump() == before


def test_who_is_deactivated_or_loses_a_role_has_lost_it_when_the_import_is_done(
    house: House, importer: Importer, ann: str
) -> None:
    importer({"email": "ann@example.com", "roles": ["editor"]}, existing="update")
    assert house.get("/books", ann).status_code == 200
    importer({"email": "ann@example.com", "roles": []}, existing="update")
    assert house.get("/books", ann).status_code == 403
    importer({"email": "ann@example.com", "is_active": False}, existing="update")
    assert house.get("/books", ann).status_code == 401


def test_another_hash_ends_the_sessions_and_the_same_one_does_nothing(
    house: House, importer: Importer, ann: str
) -> None:
    line = {"email": "ann@example.com", "password_hash": BROUGHT}
    assert importer(line, existing="update") == {"updated": 1}
    assert house.get("/who", ann).status_code == 401
    assert importer(line, existing="update", again=True) == {"skipped": 1}
    assert house.login().status_code == 200


def test_a_password_is_set_anew(house: House, importer: Importer, ann: str) -> None:
    line = {"email": "ann@example.com", "password": "another password"}
    assert importer(line, existing="update") == {"updated": 1}
    assert house.login(password=PASSWORD).status_code == 401
    assert house.login(password="another password").status_code == 200


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"email": "ann@example.com", "service": True}, "service_differs"),
        ({"email": "robot@example.com", "password_hash": BROUGHT}, "service_password"),
        ({"email": "root@example.com", "is_active": False}, "last_superuser"),
        ({"email": "ann@example.com", "roles": ["x"]}, "unknown_role"),
        ({"email": "ann@example.com", "is_superuser": True}, "superuser_not_allowed"),
    ],
)
def test_what_cannot_be_done_to_an_account_is_refused(
    house: House, importer: Importer, ann: str, line: dict[str, Any], code: str
) -> None:
    house.user("root@example.com", superuser=True)
    house.call(house.services.users.create_service("robot@example.com", actor="test"))
    good = {"email": "ann@example.com", "is_verified": True}
    lines = [line] if line["email"] == good["email"] else [line, good]
    assert importer.refused(*lines, existing="update") == [(1, code)]
    assert importer.user("root@example.com").is_active


def test_nobody_becomes_or_stays_no_superuser_unless_that_is_said(
    house: House, importer: Importer
) -> None:
    for name in ("root", "other"):
        house.user(f"{name}@example.com", superuser=True)
    line = {"email": "root@example.com", "is_superuser": False}
    assert importer(line, existing="update") == {"skipped": 1}
    assert importer(line, existing="update", superusers=True) == {"updated": 1}
    assert not importer.user("root@example.com").is_superuser


@pytest.mark.parametrize("by", ["flag", "role", "grant"])
def test_who_may_do_everything_gets_no_password_from_a_file_unless_that_is_said(
    house: House, importer: Importer, by: str
) -> None:
    services = house.services
    root = house.user("root@example.com", superuser=by == "flag")
    if by == "role":
        house.accounts.role("root", "*")
        house.call(services.roles.grant(root.id, "root", actor="test"))
    if by == "grant":
        house.call(services.grants.give(root.id, "*", actor="test"))
    line = {"email": "root@example.com", "password_hash": BROUGHT, "is_verified": True}
    good = {"email": "root@example.com", "is_verified": True}
    assert importer.refused(line, existing="update") == [(1, "superuser_not_allowed")]
    assert importer(good, existing="update") == {"updated": 1}
    assert importer(line, existing="update", superusers=True) == {"updated": 1}


def test_who_may_do_everything_is_not_let_in_again_unless_that_is_said(
    house: House, importer: Importer
) -> None:
    for name in ("root", "other"):
        house.user(f"{name}@example.com", superuser=True)
    importer({"email": "root@example.com", "is_active": False}, existing="update")
    line = {"email": "root@example.com", "is_active": True}
    assert importer.refused(line, existing="update") == [(1, "superuser_not_allowed")]
    assert importer(line, existing="update", superusers=True) == {"updated": 1}
