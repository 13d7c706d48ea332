"""Who is calling: every way of presenting credentials has one answer."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from backoffice.auth.sessions import Client
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House, bearer, built, headers

pytestmark = pytest.mark.one_database

REFUSED = {
    "code": "invalid_token",
    "message": "The credential is not good: wrong, expired or revoked.",
}
BAD_TOKENS = ["x", "a.b.c", "", "é", "bo_", "bo_abcdefghijkl_" + "x" * 38, "Bearer x"]


def code(response: object) -> str:
    found: str = response.json()["detail"]["code"]  # type: ignore[attr-defined]
    return found


def test_nothing_presented_is_401_with_a_challenge_for_each_scheme(house: House) -> None:
    response = house.get("/who")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == (
        'Bearer realm="backoffice", ApiKey realm="backoffice"'
    )
    assert code(response) == "unauthenticated"


def test_nothing_presented_is_anonymous_where_that_is_allowed(house: House) -> None:
    assert house.get("/feed").json() == {"user": None}


@pytest.mark.parametrize("method", ["jwt", "api_key", "session"])
def test_each_kind_of_credential_gives_the_same_principal(house: House, method: str) -> None:
    user = house.user("ann@example.com", "books:read")
    given = {"jwt": {"token": house.token()}, "api_key": {"key": house.key(user)}}.get(
        method, {"cookie": house.cookie()}
    )
    answer = house.get("/who", **given).json()
    assert answer == {"id": str(user.id), "method": method, "permissions": ["books:read"]}


def test_an_api_key_is_taken_as_a_bearer_too(house: House) -> None:
    user = house.user()
    assert house.get("/who", token=house.key(user)).json()["method"] == "api_key"


@pytest.mark.parametrize("bad", BAD_TOKENS)
@pytest.mark.parametrize("path", ["/who", "/feed"])
def test_a_bad_token_is_refused_on_optional_routes_too(house: House, bad: str, path: str) -> None:
    response = house.client.get(path, headers=[(b"Authorization", f"Bearer {bad}".encode())])
    assert response.status_code == 401
    assert response.json()["detail"] == REFUSED
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("scheme", ["Basic dTpw", "Bearer", "Token x", ""])
def test_an_authorization_header_of_another_scheme_is_refused(house: House, scheme: str) -> None:
    response = house.client.get("/feed", headers={"Authorization": scheme})
    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/who", "/feed"])
def test_a_bad_token_beside_a_good_key_is_refused(house: House, path: str) -> None:
    user = house.user()
    response = house.get(path, token=house.token() + "x", key=house.key(user))
    assert (response.status_code, code(response)) == (401, "invalid_token")


def test_a_bad_key_beside_a_good_token_is_refused(house: House) -> None:
    user = house.user()
    response = house.get("/who", token=house.token(), key=house.key(user)[:-1] + "-")
    assert (response.status_code, code(response)) == (401, "invalid_token")


def test_a_good_token_and_a_good_key_are_refused_together(house: House) -> None:
    user = house.user()
    response = house.get("/feed", token=house.token(), key=house.key(user))
    assert (response.status_code, code(response)) == (400, "invalid_request")


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_repeated_header_is_refused(house: House, header: str) -> None:
    user = house.user()
    value = house.key(user) if header == "X-API-Key" else f"Bearer {house.token()}"
    response = house.client.get("/who", headers=[(header, value), (header, value)])
    assert (response.status_code, code(response)) == (400, "invalid_request")


def test_an_explicit_credential_beats_the_cookie(house: House) -> None:
    house.user()
    other = house.user("bob@example.com")
    response = house.get("/who", token=house.token("bob@example.com"), cookie=house.cookie())
    assert response.json()["id"] == str(other.id)


def test_an_explicit_credential_beside_a_cookie_needs_no_origin(house: House) -> None:
    house.user("ann@example.com", "books:write")
    response = house.client.post("/books", headers=headers(house.token(), cookie=house.cookie()))
    assert response.json() == "jwt"


def test_a_bad_token_is_not_saved_by_a_good_cookie(house: House) -> None:
    house.user()
    assert house.get("/who", token="x", cookie=house.cookie()).status_code == 401


def test_a_stale_cookie_is_absent_and_cleared(house: House) -> None:
    user = house.user()
    cookie = house.cookie()
    house.call(house.services.sessions.end_all_of(user.id, actor="", client=Client()))
    needed, asked = house.get("/who", cookie=cookie), house.get("/feed", cookie=cookie)
    assert (needed.status_code, asked.json()) == (401, {"user": None})
    for response in (needed, asked):
        assert 'backoffice_session=""; ' in response.headers["set-cookie"]
        assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/who", "/feed"])
def test_a_forged_cookie_is_never_anonymous(house: House, path: str) -> None:
    house.user()
    cookie = house.cookie()
    forged = ("B" if cookie.startswith("A") else "A") + cookie[1:]
    assert house.get(path, cookie=forged).status_code == 401
    assert house.get(path, cookie="nonsense").status_code == 401


def test_a_cookie_is_not_enough_for_a_change_asked_for_by_another_site(house: House) -> None:
    house.user("ann@example.com", "books:write")
    cookie = headers(cookie=house.cookie())
    refused = [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Sec-Fetch-Site": "same-site"},
    ]
    for more in refused:
        response = house.client.post("/books", headers={**cookie, **more})
        assert (response.status_code, code(response)) == (403, "csrf_failed")
    for more in ({"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}):
        assert house.client.post("/books", headers={**cookie, **more}).json() == "session"


@pytest.mark.parametrize("change", [{"is_active": False}, None])
def test_credentials_of_an_owner_who_is_gone_are_refused_at_once(
    house: House, change: dict[str, bool] | None
) -> None:
    user = house.user()
    token, key, cookie = house.token(), house.key(user), house.cookie()
    if change is None:
        house.call(house.services.users.delete(user.id, actor="test"))
    else:
        house.call(house.services.users.change(user.id, change, actor="test"))
    assert house.get("/who", token=token).status_code == 401
    assert house.get("/who", key=key).status_code == 401
    assert house.get("/who", cookie=cookie).status_code == 401


def test_a_missing_permission_is_403_and_named(house: House) -> None:
    house.user()
    response = house.get("/books", token=house.token())
    assert (response.status_code, code(response)) == (403, "insufficient_scope")
    assert response.json()["detail"]["scope"] == "books:read"
    assert 'error="insufficient_scope", scope="books:read"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("held", ["books:read", "books:*", "*"])
def test_a_permission_is_held_by_name_or_by_pattern(house: House, held: str) -> None:
    house.user("ann@example.com", held)
    assert house.get("/books", token=house.token()).json() == ["Dune"]
    assert house.get("/either", token=house.token()).json() == "ok"


def test_a_superuser_may_everything(house: House) -> None:
    house.user(superuser=True)
    assert house.get("/books", token=house.token()).status_code == 200


def test_a_role_taken_away_is_gone_on_the_next_request(house: House) -> None:
    user = house.user("ann@example.com", "books:read")
    token = house.token()
    assert house.get("/books", token=token).status_code == 200
    house.call(house.services.roles.revoke(user.id, "role of ann", actor="test"))
    assert house.get("/books", token=token).status_code == 403


def test_a_key_does_what_its_scopes_and_its_owner_allow(house: House) -> None:
    user = house.user("ann@example.com", "books:*")
    key = house.key(user, "books:read")
    assert house.get("/books", key=key).status_code == 200
    assert house.post("/books", key=key).status_code == 403
    house.call(house.services.roles.revoke(user.id, "role of ann", actor="test"))
    assert house.get("/books", key=key).status_code == 403


def test_an_expired_or_revoked_key_is_refused(house: House) -> None:
    user = house.user()
    key = house.key(user)
    assert house.get("/who", key=key).status_code == 200
    [row] = house.call(house.services.keys.of_user(user.id))
    house.call(house.services.keys.revoke(row.id, actor="test"))
    assert house.get("/who", key=key).status_code == 401
    with pytest.raises(Exception, match="expired before"):
        house.key(user, expires_at=datetime.now(UTC) - timedelta(seconds=1))


def test_a_browser_session_ends_when_it_lies_idle(time: ManualClock, house: House) -> None:
    house.user()
    cookie = house.cookie()
    idle = house.services.settings.session_idle
    for _ in range(2):
        time.advance(idle - timedelta(seconds=1))
        assert house.get("/who", cookie=cookie).status_code == 200
        house.call(house.services.last_uses.flush())
    time.advance(idle)
    assert house.get("/who", cookie=cookie).status_code == 401


def test_the_token_of_one_app_is_not_good_in_another(house: House) -> None:
    house.user()
    token = house.token()
    other = built()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKOFFICE_SECRET_KEY", "o" * 32)
        with TestClient(other.app) as client:
            assert client.get("/who", headers=bearer(token)).status_code == 401


def test_the_caller_is_resolved_once_per_request(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = house.user("ann@example.com", "books:read")
    key = house.key(user)
    calls: list[object] = []
    resolver = type(house.services.resolver)
    resolved = resolver._resolved

    async def counted(self: object, connection: object) -> object:
        calls.append(connection)
        return await resolved(self, connection)  # type: ignore[arg-type]

    monkeypatch.setattr(resolver, "_resolved", counted)
    router = APIRouter(dependencies=[house.auth.require(), house.auth.require("books:read")])

    @router.get("/thrice", dependencies=[house.auth.optional()])
    async def thrice() -> str:
        return "ok"

    house.app.include_router(router)
    assert house.get("/thrice", key=key).json() == "ok"
    assert len(calls) == 1


def test_openapi_names_the_scheme_that_takes_tokens_and_keys(house: House) -> None:
    """One dependency is one scheme; `auth.openapi(app)` describes them all."""
    document = house.client.get("/openapi.json").json()
    assert document["paths"]["/who"]["get"]["security"] == [{"JWT": []}]
    scheme = document["components"]["securitySchemes"]["JWT"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "API key" in scheme["description"]
