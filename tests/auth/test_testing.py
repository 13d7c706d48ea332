"""The accounts that tests make are those of production, only quicker to make."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from backoffice.auth import (
    ApiKeyCreated,
    RoleChanged,
    RoleGranted,
    SignedIn,
    UserCreated,
    UserSession,
)
from backoffice.auth.passwords import Passwords
from backoffice.auth.testing import PASSWORD, Accounts
from backoffice.core import Conflict, InvalidInput, NotFound, SetupError, singletons
from backoffice.core.testing import ManualClock, RunningApp
from tests.auth.conftest import built

SignedInAs = Callable[..., TestClient]


@pytest.fixture
def backoffice_app() -> FastAPI:
    return built().app


def who(client: TestClient) -> dict[str, Any]:
    answer = client.get("/who")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("method", ["jwt", "api_key", "session"])
def test_a_client_presents_the_credential_asked_for(
    backoffice_signed_in: SignedInAs, method: str
) -> None:
    client = backoffice_signed_in(permissions=["books:read", "books:write"], method=method)
    found = who(client)
    assert found["method"] == method
    assert found["permissions"] == ["books:read", "books:write"]
    assert client.post("/books").json() == method


def test_without_more_it_is_a_new_user_who_may_do_nothing(backoffice_signed_in: SignedInAs) -> None:
    one, other = backoffice_signed_in(), backoffice_signed_in()
    assert who(one)["permissions"] == []
    assert one.get("/books").status_code == 403
    assert who(one)["id"] != who(other)["id"]


def test_several_clients_and_a_stranger_are_independent(
    backoffice_signed_in: SignedInAs, backoffice_client: TestClient
) -> None:
    clients = {
        method: backoffice_signed_in(f"{method}@example.com", method=method)
        for method in ("jwt", "api_key", "session")
    }
    for method, client in clients.items():
        assert client.get("/auth/me").json()["email"] == f"{method}@example.com"
    assert backoffice_client.get("/who").status_code == 401
    assert clients["session"].post("/auth/logout").status_code == 204
    assert clients["session"].get("/who").status_code == 401
    assert who(clients["jwt"])["method"] == "jwt"


def test_a_superuser_may_do_everything(backoffice_signed_in: SignedInAs) -> None:
    assert who(backoffice_signed_in(superuser=True))["permissions"] == ["*"]


def test_roles_are_the_apps_own(
    backoffice_signed_in: SignedInAs, backoffice_accounts: Accounts
) -> None:
    backoffice_accounts.role("reader", "books:read")
    client = backoffice_signed_in(roles=["reader"])
    assert client.get("/books").status_code == 200
    assert client.post("/books").status_code == 403


def test_a_role_that_does_not_exist_is_told_with_how_to_make_it(
    backoffice_signed_in: SignedInAs,
) -> None:
    with pytest.raises(NotFound, match="no role 'raeder'") as error:
        backoffice_signed_in(roles=["raeder"])
    assert "backoffice_accounts.role('raeder'" in error.value.__notes__[0]


def test_an_address_names_one_account_however_often_it_signs_in(
    backoffice_signed_in: SignedInAs, backoffice_accounts: Accounts
) -> None:
    ann = backoffice_accounts.user("ann@example.com", permissions=["books:read"])
    first = backoffice_signed_in("ann@example.com")
    second = backoffice_signed_in("ANN@example.com", permissions=["books:write"], superuser=False)
    assert {who(each)["id"] for each in (first, second)} == {str(ann.id)}
    assert who(first)["permissions"] == ["books:read", "books:write"]
    with pytest.raises(Conflict):
        backoffice_accounts.user("ann@example.com")


def test_an_existing_user_signs_in(
    backoffice_signed_in: SignedInAs, backoffice_accounts: Accounts
) -> None:
    user = backoffice_accounts.user()
    for given in (user, user.id):
        client = backoffice_signed_in(user=given, superuser=True)
        assert who(client) == {"id": str(user.id), "method": "jwt", "permissions": ["*"]}


def test_a_user_who_does_not_exist_does_not_sign_in(backoffice_signed_in: SignedInAs) -> None:
    with pytest.raises(NotFound):
        backoffice_signed_in(user=uuid.uuid4())


def test_scopes_keep_a_key_to_some_permissions(backoffice_signed_in: SignedInAs) -> None:
    client = backoffice_signed_in(permissions=["books:*"], method="api_key", scopes=["books:read"])
    assert who(client)["permissions"] == ["books:read"]
    with pytest.raises(InvalidInput, match="may not books:write"):
        backoffice_signed_in(permissions=["books:read"], method="api_key", scopes=["books:write"])


@pytest.mark.parametrize(
    "wish",
    [
        {"method": "oauth"},
        {"method": "jwt", "scopes": ["books:read"]},
        {"email": "ann@example.com", "user": uuid.uuid4()},
    ],
)
def test_a_wish_that_makes_no_sense_makes_no_account(
    backoffice_signed_in: SignedInAs,
    backoffice_accounts: Accounts,
    backoffice_running: RunningApp,
    wish: dict[str, Any],
) -> None:
    with pytest.raises(TypeError):
        backoffice_signed_in(**wish)
    assert backoffice_running.call(backoffice_accounts.services.users.all()) == []


def test_the_decisions_are_those_of_production(
    backoffice_signed_in: SignedInAs,
    backoffice_accounts: Accounts,
    backoffice_running: RunningApp,
) -> None:
    """A client that is signed in is refused once its account is not active any more."""
    user = backoffice_accounts.user()
    clients = [
        backoffice_signed_in(user=user, method=method) for method in ("jwt", "session", "api_key")
    ]
    change = backoffice_accounts.services.users.change
    backoffice_running.call(change(user.id, {"is_active": False}, actor="test"))
    assert [each.get("/who").status_code for each in clients] == [401, 401, 401]


def test_time_ends_what_it_ends_in_production(
    backoffice_clock: ManualClock, backoffice_signed_in: SignedInAs
) -> None:
    token, cookie, key = (
        backoffice_signed_in(method=method) for method in ("jwt", "session", "api_key")
    )

    def statuses() -> list[int]:
        return [each.get("/who").status_code for each in (token, cookie, key)]

    backoffice_clock.advance(timedelta(minutes=15, seconds=-1))
    assert statuses() == [200, 200, 200]
    backoffice_clock.advance(1)
    assert statuses() == [401, 200, 200]
    backoffice_clock.advance(timedelta(hours=8))
    assert statuses() == [401, 401, 200]


def test_a_session_is_no_way_around_the_check_of_the_origin(
    backoffice_signed_in: SignedInAs,
) -> None:
    client = backoffice_signed_in(permissions=["books:write"], method="session")
    assert client.post("/books", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/books").status_code == 200


@pytest.fixture
def backoffice_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(getattr(request, "param", {}))


@pytest.mark.parametrize(
    "backoffice_settings", [{"BACKOFFICE_AUTH__COOKIE_SECURE": "true"}], indirect=True
)
def test_where_the_cookie_wants_https_the_client_speaks_it(
    backoffice_signed_in: SignedInAs,
) -> None:
    client = backoffice_signed_in(method="session")
    assert list(client.cookies) == ["__Host-backoffice_session"]
    assert who(client)["method"] == "session"


def test_an_account_signs_in_by_its_password_too(
    backoffice_accounts: Accounts, backoffice_client: TestClient
) -> None:
    backoffice_accounts.user("ann@example.com")
    backoffice_accounts.user("bob@example.com", password="another one entirely")
    for email, password in (
        ("ann@example.com", PASSWORD),
        ("bob@example.com", "another one entirely"),
    ):
        form = {"username": email, "password": password}
        assert backoffice_client.post("/auth/login", data=form).status_code == 200


def test_a_weak_password_is_refused_as_in_production(backoffice_accounts: Accounts) -> None:
    with pytest.raises(InvalidInput, match="at least 8 characters"):
        backoffice_accounts.user(password="short")


def test_argon2_runs_once_for_any_number_of_accounts(
    backoffice_accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    backoffice_accounts.user()
    monkeypatch.setattr(Passwords, "hash", lambda *_: pytest.fail("hashed again"))
    for _ in range(20):
        backoffice_accounts.user()


def test_what_is_made_is_told_and_written_down_as_in_production(
    backoffice_signed_in: SignedInAs, backoffice_running: RunningApp
) -> None:
    backoffice_signed_in(permissions=["books:read"], method="api_key")
    assert [type(each) for each in backoffice_running.events] == [
        UserCreated,
        RoleChanged,
        RoleGranted,
        ApiKeyCreated,
    ]
    assert {each.actor for each in backoffice_running.events.of(UserCreated)} == {"test"}
    assert backoffice_running.events.of(SignedIn) == []


def test_a_session_is_a_row_like_any_other(
    backoffice_signed_in: SignedInAs, backoffice_accounts: Accounts, backoffice_running: RunningApp
) -> None:
    backoffice_signed_in(method="session")
    backoffice_signed_in(method="jwt")

    async def rows() -> list[str]:
        async with backoffice_accounts.services.database.session() as session:
            return sorted(each.kind for each in (await session.exec(select(UserSession))).all())

    assert backoffice_running.call(rows()) == ["browser", "token"]


def test_many_threads_make_accounts_at_once(
    backoffice_signed_in: SignedInAs,
) -> None:
    wanted = ["books:read", "books:write", "books:*"] * 8

    def visit(permission: str) -> list[str]:
        client = backoffice_signed_in(permissions=[permission])
        found: list[str] = who(client)["permissions"]
        return found

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(visit, wanted)) == [[each] for each in wanted]


@pytest.mark.anyio
async def test_an_async_client_is_signed_in(
    backoffice_signed_in_async: Callable[..., Any], backoffice_async_client: Any
) -> None:
    for method in ("jwt", "api_key", "session"):
        client = backoffice_signed_in_async(permissions=["books:write"], method=method)
        assert (await client.post("/books")).json() == method
    assert (await backoffice_async_client.get("/who")).status_code == 401


def test_an_app_without_accounts_says_so() -> None:
    app = FastAPI(lifespan=singletons())
    with RunningApp(app) as running, pytest.raises(SetupError, match=r"no auth\.router"):
        Accounts(running)
