"""A file of accounts becomes accounts, as if each had been made by itself."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import User
from backoffice.auth.events import UserCreated
from backoffice.auth.user_manager import NO_PASSWORD
from backoffice.core import InvalidInput
from tests.auth.conftest import PASSWORD, House
from tests.auth.user_files.conftest import BROUGHT, Importer, people


@pytest.fixture(autouse=True)
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", "https://shop.example.org")


def test_what_a_line_says_is_what_the_account_is(importer: Importer) -> None:
    importer.house.accounts.role("editor", "books:*")
    line = {
        "email": "Ann@Example.com",
        "password_hash": BROUGHT,
        "is_verified": True,
        "is_active": "yes",
        "roles": ["editor"],
        "created_at": "2020-02-03T04:05:06Z",
    }
    assert importer(line) == {"created": 1}
    ann = importer.user("ann@example.com")
    assert (ann.is_verified, ann.is_active, ann.is_superuser) == (True, True, False)
    assert ann.created_at.replace(tzinfo=UTC) == datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert importer.roles("ann@example.com") == ["editor"]


def test_who_was_brought_with_a_hash_a_password_or_none_can_or_cannot_sign_in(
    house: House, importer: Importer
) -> None:
    importer(
        {"email": "hash@example.com", "password_hash": BROUGHT},
        {"email": "word@example.com", "password": PASSWORD},
        {"email": "none@example.com"},
        {"email": "off@example.com", "password_hash": BROUGHT, "is_active": "no"},
        {"email": "robot@example.com", "service": True},
    )
    codes = {each: house.login(f"{each}@example.com").status_code for each in ("hash", "word")}
    assert codes == {"hash": 200, "word": 200}
    for each in ("none", "off", "robot"):
        assert house.login(f"{each}@example.com").status_code == 401
        assert house.login(f"{each}@example.com", NO_PASSWORD).status_code == 401
    assert importer.user("robot@example.com").is_service


def test_who_was_brought_without_a_password_resets_it_by_mail(
    house: House, importer: Importer
) -> None:
    importer({"email": "none@example.com"})
    assert house.client.post("/auth/forgot-password", json={"email": "none@example.com"}).is_success
    house.call(house.services.requests.answer())
    assert "link_sent" in importer.events()


def test_each_account_has_the_events_of_one_that_was_made_by_itself(importer: Importer) -> None:
    for name in ("editor", "author"):
        importer.house.accounts.role(name, "books:*")
    before = len(importer.events())
    importer(*people(2, roles=["editor", "author"]))
    made = ["role_granted", "role_granted", "user_created"]
    assert importer.events()[before:] == [*made, *made, "users_imported"]


def test_listeners_hear_of_each_account_before_the_import_ends(
    house: House, importer: Importer
) -> None:
    heard: list[str] = []

    @house.services.events.on(UserCreated)
    async def welcome(event: UserCreated) -> None:
        await asyncio.sleep(0.02)
        heard.append(event.subject)

    importer(*people(5))
    assert len(set(heard)) == 5


def test_a_listener_within_the_transaction_refuses_a_line_and_no_other(
    house: House, importer: Importer
) -> None:
    @house.services.events.within(UserCreated)
    async def all_but_one(event: UserCreated, session: AsyncSession) -> None:
        user = await session.get_one(User, UUID(event.subject.removeprefix("user:")))
        if user.email == "p3@example.com":
            raise InvalidInput("not this one")

    assert importer.refused(*people(5)) == [(4, "refused_by_app")]
    assert importer.events().count("user_created") == 4


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ([{"email": "nobody"}], [(1, "invalid_email")]),
        (people(1) + people(2), [(2, "duplicate_line")]),
        ([{"email": "A@example.com"}, {"email": "a@EXAMPLE.com"}], [(2, "duplicate_line")]),
        (people(1, roles=["nobody's"]), [(1, "unknown_role")]),
        (people(1, is_superuser=True), [(1, "superuser_not_allowed")]),
        (people(1, roles=["root"]), [(1, "superuser_not_allowed")]),
        (people(1, roles=["above root"]), [(1, "superuser_not_allowed")]),
        (people(1, password="short"), [(1, "weak_password")]),
        (people(1, password="p0@example.com"), [(1, "weak_password")]),
    ],
)
def test_a_line_that_will_not_do_is_refused_with_its_number_and_a_code(
    importer: Importer, lines: list[dict[str, Any]], refused: list[tuple[int, str]]
) -> None:
    roles = importer.house.services.roles
    importer.house.accounts.role("root", "*")
    importer.house.accounts.role("above root", "books:read")
    importer.house.call(roles.include("above root", ["root"], actor="test"))
    good = {"email": "good@example.com"}
    assert importer.refused(*lines, good) == refused
    assert importer.user("good@example.com").is_active


def test_superusers_are_made_where_that_is_said(importer: Importer) -> None:
    importer.house.accounts.role("root", "*")
    lines = [*people(1, is_superuser=True), {"email": "r@example.com", "roles": ["root"]}]
    assert importer(*lines, superusers=True) == {"created": 2}
    assert importer.user("p0@example.com").is_superuser


def test_the_report_holds_no_value_of_a_line(importer: Importer) -> None:
    secret = "hunter2 the second"
    importer.refused(
        {"email": secret},
        {"email": "a@example.com", "password_hash": secret},
        {"email": "b@example.com", "roles": secret},
        {"email": "c@example.com", "created_at": secret},
        {"email": "d@example.com", "password": "aaaaaaaaaaaa"},
    )
    text = importer.report.read_text()
    assert len(text.splitlines()) == 6
    assert "hunter2" not in text
    assert "aaaa" not in text


def test_the_same_file_again_finds_nothing_to_do_until_it_is_asked_to(importer: Importer) -> None:
    lines = [*people(3), {"email": "nobody"}]
    first = importer(*lines)
    before = importer.events()
    found = importer.house.call(importer.load(lines))
    assert (found.already, importer(*lines), importer.events()) == (True, first, before)
    assert importer(*lines, again=True) == {"skipped": 3, "refused": 1}


def test_a_file_that_differs_by_a_line_is_another_one(importer: Importer) -> None:
    importer(*people(3))
    assert importer(*people(4)) == {"created": 1, "skipped": 3}


def test_a_dry_run_says_the_same_and_changes_nothing(importer: Importer) -> None:
    importer.house.accounts.role("editor", "books:*")
    importer(*people(1))
    before, checkpoints = importer.events(), importer.checkpoints()
    lines = [*people(1500, roles=["editor"], password="correct horse battery"), {"email": "nobody"}]
    would = importer(*lines, dry_run=True)
    assert would == {"created": 1499, "skipped": 1, "refused": 1}
    assert (importer.events(), importer.checkpoints()) == (before, checkpoints)


def test_a_file_that_cannot_be_read_changes_nothing(importer: Importer) -> None:
    with pytest.raises(InvalidInput):
        importer({"mail": "a@example.com"})
    assert importer.events() == []
