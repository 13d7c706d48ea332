"""Passwords as the app asks for them: over HTTP and in the command."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, ScryptPasswordHasher, make_password
from werkzeug.security import generate_password_hash

from backoffice.auth import User
from tests.auth.breaches import STOLEN, BreachServer, breach_server
from tests.auth.conftest import PASSWORD, Command, House
from tests.auth.test_sign_in import audited, counted

pytestmark = pytest.mark.costly_passwords

EMAIL = "ann@example.com"
MEGABYTE = "x" * 1_000_000
BROUGHT = {
    "django": PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000),
    "django scrypt": ScryptPasswordHasher().encode(PASSWORD, "salt"),
    "werkzeug": generate_password_hash(PASSWORD, "pbkdf2:sha256:1000"),
}


async def brought(house: House, stored: str) -> None:
    """Give the account a hash, as an import of rows does."""
    user = await house.services.users.find(EMAIL)
    async with house.services.database.session() as session:
        row = await session.get_one(User, user.id)
        row.hashed_password = stored
        session.add(row)
        await session.commit()


async def kept(house: House) -> str:
    return (await house.services.users.find(EMAIL)).hashed_password


@pytest.mark.parametrize("maker", BROUGHT)
def test_a_row_of_another_system_signs_in_and_is_upgraded(house: House, maker: str) -> None:
    house.user(EMAIL)
    house.call(brought(house, BROUGHT[maker]))
    assert house.login(password="a guess").status_code == 401
    assert house.call(kept(house)) == BROUGHT[maker]
    assert house.login().status_code == 200
    assert house.call(kept(house)).startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert house.login().status_code == 200


@pytest.mark.parametrize(
    "stored",
    [make_password(None), "", "who knows", "$2b$31$" + "a" * 53],
    ids=["Django's mark", "empty", "no hash", "too dear"],
)
def test_a_row_without_a_usable_hash_is_answered_as_a_stranger(house: House, stored: str) -> None:
    house.user(EMAIL)
    house.call(brought(house, stored))
    found, stranger = house.login(), house.login("nobody@example.com")
    assert (found.status_code, found.content) == (401, stranger.content)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/register", {"email": "new@example.com", "password": MEGABYTE}),
        ("/auth/me/password", {"current_password": PASSWORD, "new_password": MEGABYTE}),
        ("/auth/me/password", {"current_password": MEGABYTE, "new_password": PASSWORD}),
        ("/auth/reauthenticate", {"password": MEGABYTE}),
    ],
)
def test_a_megabyte_of_password_is_refused_and_hashed_by_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, str]
) -> None:
    house.user(EMAIL)
    token = house.token(EMAIL)
    work = counted(monkeypatch, "hash"), counted(monkeypatch, "_verify")
    refused = house.post(path, token, json=body)
    assert refused.status_code == 422
    assert len(refused.content) < 2000
    assert work == ([], [])


def test_a_megabyte_at_sign_in_is_refused_and_hashed_by_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = counted(monkeypatch, "_verify")
    assert house.login(password=MEGABYTE).status_code == 422
    assert work == []


@pytest.mark.parametrize(
    ("password", "reason"),
    [("short", "too_short"), ("password1", "common"), ("new@example.com!", "personal")],
)
def test_the_reason_is_told_wherever_a_password_is_set(
    house: House, password: str, reason: str
) -> None:
    new = {"email": "new@example.com", "password": password}
    refused = [house.post("/auth/register", json=new)]
    house.user("new@example.com")
    change = {"current_password": PASSWORD, "new_password": password}
    refused.append(house.post("/auth/me/password", house.token("new@example.com"), json=change))
    for each in refused:
        detail = each.json()["detail"]
        assert (each.status_code, detail["code"], detail["reason"]) == (
            422,
            "weak_password",
            reason,
        )


def test_the_command_asks_for_as_much(command: Command) -> None:
    code, _, err = command("users", "create", EMAIL, "--password-stdin", stdin="password1\n")
    assert code == 2
    assert "Too many people use this password" in err


async def filled(house: House, gate: threading.Event) -> "list[asyncio.Task[bool]]":
    """As much work as is taken, which lasts until the gate opens."""
    threads = house.services.passwords._threads
    waiting = [asyncio.create_task(threads.run(gate.wait)) for _ in range(threads._most)]
    await asyncio.sleep(0.1)
    return waiting


async def ended(waiting: "list[asyncio.Task[bool]]") -> None:
    await asyncio.wait_for(asyncio.gather(*waiting), 30)


def test_above_what_may_wait_a_sign_in_is_503_and_then_goes_on(house: House) -> None:
    house.user(EMAIL)
    gate = threading.Event()
    waiting = house.call(filled(house, gate))
    busy = house.login()
    gate.set()
    assert (busy.status_code, busy.json()["detail"]["code"]) == (503, "busy")
    assert int(busy.headers["Retry-After"]) >= 1
    house.call(ended(waiting))
    assert house.login().status_code == 200


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[BreachServer]:
    """The server of stolen passwords that the app is told to ask; ask for it before the app."""
    with breach_server() as server:
        monkeypatch.setenv("BACKOFFICE_AUTH__BREACHED_PASSWORDS_URL", server.base)
        yield server


def test_a_stolen_password_is_refused(looked_up: BreachServer, house: House) -> None:
    new = {"email": "new@example.com", "password": STOLEN}
    refused = house.post("/auth/register", json=new)
    assert refused.status_code == 422
    assert refused.json()["detail"]["reason"] == "breached"


def test_a_password_is_taken_while_the_service_is_away_and_the_audit_log_tells(
    looked_up: BreachServer, house: House
) -> None:
    looked_up.answer = "error"
    new = {"email": "new@example.com", "password": STOLEN}
    assert house.post("/auth/register", json=new).status_code == 202
    house.call(_told(house))
    assert sorted(audited(house)) == ["auth.breaches_unanswered", "auth.registered"]


async def _told(house: House) -> None:
    breaches = house.services.passwords._breaches
    assert breaches is not None
    await breaches.told()
