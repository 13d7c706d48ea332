"""Refusals are lines of the log: who was refused what, where, and from where."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter

from backoffice.auth import User
from tests.auth.conftest import House, headers

pytestmark = pytest.mark.one_database


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    """The lines about refusals, of either logger."""
    caplog.set_level(logging.INFO, "backoffice.auth")
    found: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "refused: " in record.getMessage():
                found.append(record)

    handler = Kept()
    logging.getLogger("backoffice.auth").addHandler(handler)
    yield found
    logging.getLogger("backoffice.auth").removeHandler(handler)


def told(lines: list[logging.LogRecord]) -> dict[str, Any]:
    """What the one line says."""
    [line] = lines
    members = ("route", "address", "user", "kind", "by", "id", "permission")
    return {"message": line.getMessage()} | {
        name: getattr(line, name) for name in members if hasattr(line, name)
    }


def of_key(house: House, user: User) -> dict[str, str]:
    """What lines say of the user's only key."""
    [key] = house.call(house.services.keys.of_user(user.id))
    return {"user": str(user.id), "kind": "user", "by": "api_key", "id": str(key.id)}


@pytest.mark.parametrize("path", ["/books", "/either"])
def test_a_missing_permission(house: House, lines: list[Any], path: str) -> None:
    user = house.user()
    assert house.get(path, key=house.key(user)).status_code == 403
    permission = {"/books": "books:read", "/either": "books:read books:write"}[path]
    assert told(lines) == {
        "message": "refused: insufficient_scope",
        "route": path,
        "address": "testclient",
        "permission": permission,
    } | of_key(house, user)


def test_what_else_a_guard_asks_for(house: House, lines: list[Any]) -> None:
    key, router = house.key(house.user()), APIRouter(prefix="/deep")
    asked: dict[str, dict[str, Any]] = {
        "method_not_accepted": {"methods": ("session",)},
        "not_verified": {"verified": True},
        "mfa_required": {"mfa": True},
        "not_fresh": {"fresh": timedelta(minutes=5)},
    }
    for name, of in asked.items():
        router.get(f"/{name}/{{id}}", dependencies=[house.auth.require(**of)])(lambda: None)
    house.app.include_router(router)
    for name in asked:
        lines.clear()
        assert house.get(f"/deep/{name}/7", key=key).status_code == 403
        line = told(lines)
        assert (line["message"], line["route"]) == (f"refused: {name}", f"/deep/{name}/{{id}}")


def test_a_key_that_manages_no_credentials(house: House, lines: list[Any]) -> None:
    user = house.user()
    assert house.get("/auth/sessions", key=house.key(user)).status_code == 403
    line = {"message": "refused: sign_in_required", "route": "/auth/sessions"}
    assert told(lines) == line | {"address": "testclient"} | of_key(house, user)


def test_a_change_from_another_site(house: House, lines: list[Any]) -> None:
    user = house.user("ann@example.com", "books:write")
    sent = headers(cookie=house.cookie()) | {"Origin": "https://evil.example"}
    assert house.client.post("/books", headers=sent).status_code == 403
    line = told(lines)
    assert (line["message"], line["user"], line["by"]) == (
        "refused: csrf_failed",
        str(user.id),
        "session",
    )


def test_a_form_that_no_page_of_ours_has_sent(house: House, lines: list[Any]) -> None:
    house.app.post("/review", dependencies=[house.auth.csrf()])(lambda: None)
    house.user()
    for sent in (headers(cookie=house.cookie()), {}):
        lines.clear()
        site = {"Sec-Fetch-Site": "same-origin" if sent else "cross-site"}
        assert house.client.post("/review", headers=sent | site).status_code == 403
        assert told(lines)["message"] == "refused: csrf_failed"
    lines.clear()
    form = {"username": "ann@example.com", "password": "x"}
    answer = house.client.post("/auth/login/cookie", data=form, headers=site)
    assert (answer.status_code, told(lines)["message"]) == (403, "refused: csrf_failed")


def test_two_credentials(house: House, lines: list[Any]) -> None:
    both = headers(house.token(house.user().email), house.key(house.user("bob@example.com")))
    assert house.client.get("/who", headers=both).status_code == 400
    assert told(lines)["message"] == "refused: invalid_request"


def test_a_credential_that_was_good_once_says_whose_it_was(house: House, lines: list[Any]) -> None:
    user = house.user()
    token, text = house.token(), house.key(user)
    [key] = house.call(house.services.keys.of_user(user.id))
    house.call(house.services.keys.revoke(key.id, actor="test"))
    assert house.get("/who", key=text).status_code == 401
    line = told(lines)
    assert line["message"] == "credential refused: key revoked or expired"
    assert (line["user"], line["by"], line["id"]) == (str(user.id), "api_key", str(key.id))
    lines.clear()
    house.post("/auth/logout-all", token)
    assert house.get("/who", token).status_code == 401
    line = told(lines)
    assert (line["message"], line["user"], line["by"]) == (
        "credential refused: session",
        str(user.id),
        "jwt",
    )


def test_a_key_used_from_elsewhere(house: House, lines: list[Any]) -> None:
    user = house.user()
    assert house.get("/who", key=house.key(user, networks=["10.0.0.0/8"])).status_code == 401
    line = {"message": "credential refused: key used from outside its networks", "route": "/who"}
    assert told(lines) == line | {"address": "testclient"} | of_key(house, user)


def test_nothing_that_the_client_wrote_is_in_a_line(house: House, lines: list[Any]) -> None:
    secret = "bo_000000000000_" + "s3cret" * 6 + "xx"
    for sent in ({"X-API-Key": secret}, {"Authorization": f"Bearer {secret}"}):
        lines.clear()
        assert house.client.get("/who?x=query", headers=sent).status_code == 401
        assert told(lines).keys() == {"message", "route", "address"}
        assert "s3cret" not in str(vars(lines[0]))
        assert "query" not in str(vars(lines[0]))


def test_who_is_let_in_or_presents_nothing_writes_no_line(house: House, lines: list[Any]) -> None:
    house.user("ann@example.com", "books:read")
    assert house.get("/books", house.token()).status_code == 200
    assert house.get("/books").status_code == 401
    assert lines == []
