"""Recovery over a real socket: an account from its registration to its end, by its mails."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Shop
from tests.services.mail_folder import MailFolder

ZOE, NEW = "zoe@example.com", "zoe@example.org"
FIRST, SECOND = "a pass phrase of one's own", "and quite another phrase"


@pytest.fixture
def mails(tmp_path: Path) -> MailFolder:
    return MailFolder(tmp_path / "mails")


@pytest.fixture
def shop(tmp_path: Path, mails: MailFolder) -> Iterator[Shop]:
    """The demonstration on its own SQLite file, whose mail goes to a directory. When it stops, it
    must have logged no token of a link."""
    with Shop(tmp_path / "demo", {"BACKOFFICE_MAIL__URL": mails.url}) as shop:
        yield shop


def page(shop: Shop, name: str, **form: str) -> httpx2.Response:
    """A form of the admin, as its browser sends it."""
    return shop.post(f"/admin/{name}", data=form, headers={"Origin": shop.url})


def opened(shop: Shop, address: str) -> str:
    """The token of a link, which is opened first, as by a person or by a program that looks."""
    assert address.startswith(f"{shop.url}/admin/")
    answer = shop.get(address.removeprefix(shop.url))
    assert (answer.status_code, answer.headers["Referrer-Policy"]) == (200, "no-referrer")
    return address.partition("token=")[2]


def me(shop: Shop, password: str, email: str = ZOE) -> dict[str, Any]:
    answer = shop.get("/auth/me", token=shop.login(email, password)["access_token"])
    found: dict[str, Any] = answer.json()
    return found


def test_an_account_is_registered_confirmed_recovered_moved_and_deleted(
    shop: Shop, mails: MailFolder
) -> None:
    """By curl where an app would ask, and by the pages of the admin where a person would."""
    body = {"email": ZOE, "password": FIRST}
    assert shop.post("/auth/register", json=body).status_code == 202
    token = opened(shop, mails.link(ZOE, "Confirm"))
    assert not me(shop, FIRST)["is_verified"]
    assert page(shop, "verify", token=token).headers["location"] == "/admin/login?done=verified"
    assert me(shop, FIRST)["is_verified"]

    before = shop.login(ZOE, FIRST)["access_token"]
    assert page(shop, "forgot-password", email=ZOE).status_code == 303
    token = opened(shop, mails.link(ZOE, "Choose"))
    assert page(shop, "reset-password", token=token, password="password1").status_code == 422
    assert page(shop, "reset-password", token=token, password=SECOND).status_code == 303
    assert page(shop, "reset-password", token=token, password=FIRST).status_code == 400
    assert f"{shop.url}/admin/forgot-password" in mails.take(ZOE, "Your password")
    assert shop.get("/auth/me", token=before).status_code == 401

    bearer = shop.login(ZOE, SECOND)["access_token"]
    change = {"email": NEW, "current_password": SECOND}
    assert shop.request("PATCH", "/auth/me", token=bearer, json=change).status_code == 202
    token = opened(shop, mails.link(NEW, "Confirm"))
    assert shop.post("/auth/verify", json={"token": token}).status_code == 204
    assert me(shop, SECOND, NEW)["email"] == NEW
    assert NEW in mails.take(ZOE, "Your address")

    bearer = shop.login(NEW, SECOND)["access_token"]
    farewell = {"current_password": SECOND}
    assert shop.request("DELETE", "/auth/me", token=bearer, json=farewell).status_code == 204
    assert shop.post("/auth/login", data={"username": NEW, "password": SECOND}).status_code == 401
    with sqlite3.connect(shop.data / "bookshop.db") as database:
        query = "SELECT count(*) FROM backoffice_link_token"
        assert database.execute(query).fetchone() == (0,)


def test_who_registers_a_taken_address_tells_its_owner(shop: Shop, mails: MailFolder) -> None:
    """With the way to the pages of the admin, and no link that does anything."""
    body = {"email": "admin@example.com", "password": FIRST}
    assert shop.post("/auth/register", json=body).status_code == 202
    told = mails.take("admin@example.com", "")
    assert f"{shop.url}/admin/login" in told
    assert f"{shop.url}/admin/forgot-password" in told
    assert "token=" not in told
