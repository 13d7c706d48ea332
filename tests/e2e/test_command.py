"""The `backoffice` command, as a shell script would use it, beside the running shop."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT, Backoffice, Server
from tests.example_app.shop import migrate
from tests.services.databases import Prepare

SECRET = "a secret of this test, long enough"
PASSWORD, ANOTHER = "correct horse battery", "battery horse correct"
ANN = "ann@example.com"
NO_DATABASES = [
    "sqlite:////nowhere/at/all.db",
    "postgresql://postgres@127.0.0.1:1/shop",
]


def settings(url: str) -> dict[str, str]:
    return {"BACKOFFICE_DATABASE_URL": url, "BACKOFFICE_SECRET_KEY": SECRET}


@pytest.fixture
def shop_url(database_from_template: Callable[[str, Prepare], str]) -> str:
    """The address of a migrated database without rows."""
    return database_from_template("shop", migrate)


@pytest.fixture
def backoffice(shop_url: str) -> Backoffice:
    """The command in the folder of the bookshop."""
    return Backoffice(ROOT, settings(shop_url))


@pytest.fixture
def server(shop_url: str) -> Iterator[Server]:
    """The bookshop as it would be served for real, on the same database."""
    command = [sys.executable, "-m", "uvicorn", "example_app.main:app", "--port"]
    with Server(lambda port: [*command, str(port)], settings(shop_url)) as server:
        yield server


def test_an_empty_database_is_brought_to_the_present(database_url: str) -> None:
    """What is pending is told by exit code 3, and the second time there is nothing to do."""
    backoffice = Backoffice(ROOT, settings(database_url))
    assert backoffice.run("migrate", "status").returncode == 3
    assert "migrate up" in backoffice.refuses(6, "users", "list")
    applied = backoffice.does("migrate", "up")["applied"]
    assert {each["history"] for each in applied} >= {"auth", "app"}
    assert backoffice.does("migrate", "up")["applied"] == []
    assert {each["state"] for each in backoffice.does("migrate", "status")} == {"present"}


def test_a_program_is_let_in_and_shut_out(backoffice: Backoffice, server: Server) -> None:
    """From the first account to the revoked key; the running server follows at once."""
    created = ("users", "create", ANN, "--password-stdin")
    ann = backoffice.does(*created, typed=f"{PASSWORD}\n")
    backoffice.does("roles", "create", "clerk")
    backoffice.does("roles", "allow", "clerk", "books:*", "orders:read")
    backoffice.does("roles", "grant", "clerk", ANN)
    named = ("keys", "create", "--user", ANN, "--name", "ci", "--expires", "30d")
    made = backoffice.does(*named, "--scope", "books:read")

    assert server.get("/api/books", key=made["key"]).status_code == 200
    assert server.get("/api/whoami", key=made["key"]).json() == {
        "id": ann["id"],
        "kind": "user",
        "method": "api_key",
        "permissions": ["books:read"],
    }
    assert server.post("/api/books", key=made["key"], json={}).status_code == 403

    backoffice.does("keys", "revoke", made["id"])
    assert server.get("/api/books", key=made["key"]).status_code == 401


def test_a_password_is_set_for_somebody(backoffice: Backoffice, server: Server) -> None:
    """The old one and the sessions that it opened are dead."""
    create = ("users", "create", ANN, "--superuser", "--password-stdin")
    ann = backoffice.does(*create, typed=PASSWORD)
    token = server.login(ANN, PASSWORD)["access_token"]
    assert server.get("/api/orders", token=token).status_code == 200
    backoffice.does("users", "set-password", ANN, "--password-stdin", typed=ANOTHER)

    assert server.get("/api/orders", token=token).status_code == 401
    old = server.post("/auth/login", data={"username": ANN, "password": PASSWORD})
    assert (old.status_code, old.json()["detail"]["code"]) == (401, "invalid_credentials")
    assert server.login(ANN, ANOTHER)["access_token"]
    (listed,) = backoffice.does("users", "list")
    assert (listed["id"], listed["email"], listed["is_superuser"]) == (ann["id"], ANN, True)
    found = backoffice.does("doctor")
    assert {each["id"] for each in found if each["level"] != "ok"} == {
        "auth.cookie-secure",
        "auth.links",
        "auth.registration",
        "core.secret-key",  # words of a sentence
        "mail.delivery",
    }


def test_what_cannot_be_done_is_told_by_exit_code(backoffice: Backoffice) -> None:
    """With one line on stderr and nothing on stdout; each verb's own are told in its room."""
    backoffice.does("users", "create", ANN, "--generate")
    for code, arguments in (
        (2, ["users", "create", "no address", "--generate"]),
        (4, ["roles", "grant", "reader", ANN]),
        (5, ["users", "create", ANN.upper(), "--generate"]),
    ):
        assert len(backoffice.refuses(code, *arguments).splitlines()) == 1
    assert [each["email"] for each in backoffice.does("users", "list")] == [ANN]


@pytest.mark.parametrize("url", NO_DATABASES, ids=["sqlite", "postgresql"])
def test_a_database_that_does_not_answer_is_exit_code_6(url: str) -> None:
    """For every group that asks it."""
    backoffice = Backoffice(ROOT, settings(url))
    for arguments in (["users", "list"], ["migrate", "up"]):
        assert backoffice.refuses(6, *arguments)


def test_without_an_app_the_command_says_how_to_name_one(tmp_path: Path) -> None:
    """In any folder that holds none."""
    assert "--app" in Backoffice(tmp_path, {"BACKOFFICE_SECRET_KEY": SECRET}).refuses(
        2, "users", "list"
    )


def test_without_a_secret_key_nobody_is_let_in(tmp_path: Path) -> None:
    """It is never made up."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    backoffice = Backoffice(ROOT, {"BACKOFFICE_DATABASE_URL": url})
    assert "BACKOFFICE_SECRET_KEY" in backoffice.refuses(2, "users", "list")
