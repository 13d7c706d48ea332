"""A line's account, as far as the line alone can tell."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from backoffice.auth.user_files.faults import Refused
from backoffice.auth.user_files.rows import Row, address_in, row_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ARGON2 = "$argon2id$v=19$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
BCRYPT = "$2b$12$NTn7GqAkKnpZFUdIxjdjdetyvpRyBKyvvFQyFgLZ8Gm4tGhhGEmkG"
DJANGO = "pbkdf2_sha256$1000000$abcdefghijkl$" + "A" * 43 + "="


def row(**values: Any) -> Row:
    return row_of(2, "a@x.com", {"email": "a@x.com", **values}, NOW)


def code(**values: Any) -> str:
    with pytest.raises(Refused) as refused:
        row(**values)
    return refused.value.fault.code


def test_a_line_that_says_nothing_but_the_address_leaves_all_else_open() -> None:
    assert row(password="", roles="", is_active="", created_at="") == Row(2, "a@x.com")


@pytest.mark.parametrize("hashed", [ARGON2, BCRYPT, DJANGO])
def test_hashes_of_other_systems_are_taken(hashed: str) -> None:
    assert row(password_hash=f" {hashed} ").hashed_password == hashed


@pytest.mark.parametrize("mark", ["!", "!BcXyZ", "*", ""])
def test_what_others_write_for_no_password_is_none(mark: str) -> None:
    assert row(password_hash=mark).hashed_password is None


@pytest.mark.parametrize(
    "hashed",
    [
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "a password",
        ARGON2.replace("47104", "99999999"),
        "pbkdf2_sha256$1000000$",
        BCRYPT[:-1],
        f"scrypt:3:8:1$salt${'0' * 128}",
        f"scrypt:32768:0:1$salt${'0' * 128}",
        "x" * 2000,
    ],
)
def test_what_could_never_be_verified_is_refused(hashed: str) -> None:
    assert code(password_hash=hashed) == "unknown_hash"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("TRUE", True), ("0", False), ("Yes", True), (True, True), (1, True), ("", None)],
)
def test_yes_and_no_are_taken_as_people_write_them(written: Any, meant: bool | None) -> None:
    assert row(is_verified=written).is_verified is meant


@pytest.mark.parametrize("written", ["maybe", 1.0, [], "2", 3])
def test_neither_yes_nor_no_is_refused(written: Any) -> None:
    assert code(is_active=written) == "invalid_boolean"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("editor|author", ("editor", "author")),
        (" editor | | editor ", ("editor",)),
        ('["a|b", "c"]', ("a|b", "c")),
        (["a|b"], ("a|b",)),
        ([], ()),
        ("", None),
        (None, None),
    ],
)
def test_roles_are_names_or_a_list(written: Any, meant: tuple[str, ...] | None) -> None:
    assert row(roles=written).roles == meant


@pytest.mark.parametrize("written", [1, [1], "[1]", "[", {"a": 1}, ["a\0"], ["r"] * 101])
def test_other_roles_are_refused(written: Any) -> None:
    assert code(roles=written) == "invalid_roles"


@pytest.mark.parametrize(
    "written", ["2024-05-01", "2024-05-01T02:00:00+02:00", "2024-05-01 00:00", "2024-05-01T00:00Z"]
)
def test_a_moment_without_a_zone_is_of_utc(written: str) -> None:
    assert row(created_at=written).created_at == datetime(2024, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["yesterday", "0001-01-01T00:00+23:00", "1969-12-31", "2026-11-22"]
)
def test_a_moment_of_no_calendar_or_of_the_future_is_refused(written: str) -> None:
    assert code(created_at=written) == "invalid_moment"


def test_the_clock_of_the_machine_that_wrote_it_may_be_a_little_ahead() -> None:
    ahead = (NOW + timedelta(minutes=1)).astimezone(timezone(timedelta(hours=5)))
    assert row(created_at=ahead.isoformat()).created_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"password": "x", "password_hash": ARGON2}, "two_passwords"),
        ({"password": "x", "service": "yes"}, "service_password"),
        ({"is_superuser": "yes", "service": "yes"}, "service_superuser"),
        ({"password": "a\0b"}, "not_text"),
        ({"password": "\udcff"}, "not_text"),
        ({"password": 7}, "not_text"),
    ],
)
def test_what_contradicts_itself_is_refused(values: dict[str, Any], refused: str) -> None:
    assert code(**values) == refused


def test_a_password_keeps_the_blanks_at_its_ends() -> None:
    assert row(password=" a b ").password == " a b "


def test_neither_a_password_nor_a_hash_is_shown() -> None:
    shown = repr(row(password="correct horse")) + repr(row(password_hash=ARGON2))
    assert "horse" not in shown
    assert "argon2" not in shown


@pytest.mark.parametrize("written", ["", "  ", None, "ann", "@x.com", "a@", 7, ["a@x.com"]])
def test_what_is_no_address_is_refused(written: Any) -> None:
    with pytest.raises(Refused) as refused:
        address_in({"email": written})
    assert refused.value.fault.code in ("invalid_email", "not_text")
