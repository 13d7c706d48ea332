"""What a guard may ask of a caller beside permissions, each with a refusal of its own."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from backoffice.auth import Auth, Principal
from backoffice.auth.models import User, UserSession
from backoffice.auth.remembered import EVERYBODY
from backoffice.core import SetupError
from backoffice.core.testing import ManualClock
from tests.auth.conftest import PASSWORD, House, built, create_tables, headers

pytestmark = pytest.mark.one_database

Copies = Callable[[str, Callable[[str], None]], str]


def asks(house: House, path: str, guard: Any) -> None:
    """A route with that guard."""

    @house.app.get(path)
    async def route(who: Annotated[Principal | None, guard]) -> str:
        return who.method if who else "nobody"


def code(house: House, path: str, **credential: str) -> tuple[int, str]:
    answer = house.get(path, **credential)
    body = answer.json()
    return answer.status_code, body["detail"]["code"] if answer.status_code >= 400 else body


def set_user(house: House, **values: Any) -> None:
    """Change the only account by hand, and let every process know."""

    async def change() -> None:
        async with house.services.database.session() as session:
            await session.exec(update(User).values(values))
            await house.services.revocations.commit(session, EVERYBODY)

    house.call(change())


def set_sessions(house: House, **values: Any) -> None:
    async def change() -> None:
        async with house.services.database.session() as session:
            await session.exec(update(UserSession).values(values))
            await house.services.revocations.commit(session, EVERYBODY)

    house.call(change())


def test_methods_names_the_credentials_that_are_accepted(house: House) -> None:
    user = house.user()
    asks(house, "/no-keys", house.auth.require(methods=("jwt", "session")))
    assert code(house, "/no-keys", token=house.token()) == (200, "jwt")
    assert code(house, "/no-keys", cookie=house.cookie()) == (200, "session")
    assert code(house, "/no-keys", key=house.key(user)) == (403, "method_not_accepted")
    assert code(house, "/no-keys") == (401, "unauthenticated")


def test_a_method_that_there_is_none_of_is_refused_where_it_is_declared() -> None:
    for methods in (("password",), ()):
        with pytest.raises(SetupError, match="methods are some of jwt, api_key, session"):
            Auth().require(methods=methods)  # type: ignore[arg-type]


def test_verified_asks_for_a_confirmed_address(house: House) -> None:
    house.user()
    asks(house, "/verified", house.auth.require(verified=True))
    token = house.token()
    assert code(house, "/verified", token=token) == (403, "not_verified")
    set_user(house, is_verified=True)
    assert code(house, "/verified", token=token) == (200, "jwt")


def test_mfa_asks_for_a_second_factor(house: House) -> None:
    user = house.user()
    asks(house, "/mfa", house.auth.require(mfa=True))
    token = house.token()
    assert code(house, "/mfa", token=token) == (403, "mfa_required")
    assert code(house, "/mfa", key=house.key(user)) == (403, "mfa_required")
    set_sessions(house, mfa=True)
    assert code(house, "/mfa", token=token) == (200, "jwt")


def test_fresh_asks_for_a_recent_proof_of_who_it_is(time: ManualClock, house: House) -> None:
    house.user()
    asks(house, "/fresh", house.auth.require(fresh=timedelta(minutes=5)))
    token = house.token()
    assert code(house, "/fresh", token=token) == (200, "jwt")
    time.advance(timedelta(minutes=5))
    assert code(house, "/fresh", token=token) == (200, "jwt")
    time.advance(1)
    assert code(house, "/fresh", token=token) == (403, "not_fresh")
    assert house.get("/fresh", token).json()["detail"]["max_age"] == 300
    set_sessions(house, proved_at=time.now())
    assert code(house, "/fresh", token=token) == (200, "jwt")


def test_a_key_is_never_fresh(house: House) -> None:
    """It proves nothing of its owner's presence, however new it is."""
    user = house.user()
    asks(house, "/fresh", house.auth.require(fresh=timedelta(days=365)))
    assert code(house, "/fresh", key=house.key(user)) == (403, "not_fresh")


def test_optional_asks_the_same_of_whoever_does_call(house: House) -> None:
    user = house.user()
    asks(house, "/maybe", house.auth.optional("books:read", methods=("jwt",)))
    assert code(house, "/maybe") == (200, "nobody")
    assert code(house, "/maybe", key=house.key(user)) == (403, "insufficient_scope")
    assert code(house, "/maybe", token="not.a.token") == (401, "invalid_token")


def test_a_guard_stands_at_a_router_or_the_app(house: House) -> None:
    house.user("ann@example.com", "books:read")
    router = APIRouter(prefix="/shelf", dependencies=[house.auth.require("books:read")])

    @router.get("/")
    async def shelf() -> str:
        return "books"

    house.app.include_router(router)
    assert house.get("/shelf/").status_code == 401
    assert house.get("/shelf/", house.token()).json() == "books"
    auth = Auth()
    app = FastAPI(dependencies=[auth.require()])
    app.include_router(auth.router, prefix="/auth")

    @app.get("/")
    async def everything() -> str:
        return "all"

    with TestClient(app) as client:
        assert client.get("/").status_code == 401
        assert client.get("/", headers=headers(house.token())).status_code == 200


def test_a_locked_owner_is_refused_at_once_by_every_kind_of_credential(
    time: ManualClock, house: House
) -> None:
    user = house.user()
    credentials = {"token": house.token(), "key": house.key(user), "cookie": house.cookie()}
    for kind, text in credentials.items():
        assert house.get("/who", **{kind: text}).status_code == 200
    set_user(house, locked_until=time.now() + timedelta(minutes=10))
    for kind, text in credentials.items():
        assert house.get("/who", **{kind: text}).status_code == 401
    time.advance(timedelta(minutes=10))
    assert house.get("/who", credentials["token"]).status_code == 200


class TestTwoCredentials:
    """An app may accept a token and a key of one account together."""

    @pytest.fixture
    def lenient(
        self, database_from_template: Copies, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[House]:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        monkeypatch.setenv("BACKOFFICE_AUTH__TWO_CREDENTIALS", "true")
        with built() as house:
            yield house

    def test_what_both_permit_holds(self, lenient: House) -> None:
        user = lenient.user("ann@example.com", "books:read", "books:write")
        both = headers(lenient.token(), lenient.key(user, "books:read"))
        assert lenient.client.get("/who", headers=both).json()["permissions"] == ["books:read"]
        assert lenient.client.get("/books", headers=both).status_code == 200
        assert lenient.client.post("/books", headers=both).status_code == 403

    def test_they_count_as_the_token_whichever_comes_first(self, lenient: House) -> None:
        user = lenient.user()
        both = list(headers(lenient.token(), lenient.key(user)).items())
        for sent in (both, both[::-1]):
            assert lenient.client.get("/who", headers=sent).json()["method"] == "jwt"

    def test_two_accounts_are_refused(self, lenient: House) -> None:
        ann, bob = lenient.user(), lenient.user("bob@example.com")
        both = headers(lenient.token(ann.email), lenient.key(bob))
        for path in ("/who", "/feed"):
            assert lenient.client.get(path, headers=both).status_code == 400

    def test_a_bad_one_beside_a_good_one_is_refused(self, lenient: House) -> None:
        lenient.user()
        both = headers(lenient.token(), "bo_000000000000_bad")
        assert lenient.client.get("/who", headers=both).status_code == 401

    def test_a_header_sent_twice_is_refused(self, lenient: House) -> None:
        lenient.user()
        token = lenient.token()
        twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
        assert lenient.client.get("/who", headers=twice).status_code == 400


def test_the_principal_is_one_whichever_guard_asks(house: House) -> None:
    house.user("ann@example.com", "books:read")
    seen: list[Principal] = []

    async def nested(who: Annotated[Principal, house.auth.require()]) -> None:
        seen.append(who)

    @house.app.get("/nested", dependencies=[Depends(nested)])
    async def route(who: Annotated[Principal, house.auth.require("books:read")]) -> None:
        seen.append(who)

    assert house.get("/nested", house.token()).status_code == 200
    assert seen[0] is seen[1]


@pytest.mark.parametrize("fresh", [timedelta(0), timedelta(seconds=-1), 300])
def test_a_span_that_asks_nothing_or_is_none_is_refused_where_it_is_declared(fresh: Any) -> None:
    with pytest.raises(SetupError, match="fresh is a span of time above zero"):
        Auth().require(fresh=fresh)


def test_an_empty_choice_of_permissions_is_refused_where_it_is_declared() -> None:
    """Made from a list that is empty by mistake, it would ask for nothing."""
    with pytest.raises(SetupError, match="name permissions"):
        Auth().require(any_of=())


def test_a_guard_at_the_app_keeps_nobody_from_signing_in(
    database_from_template: Copies, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    auth = Auth()
    app = FastAPI(dependencies=[auth.require()])
    app.include_router(auth.router, prefix="/auth")
    house.user()
    with TestClient(app) as client:
        form = {"username": "ann@example.com", "password": PASSWORD}
        answer = client.post("/auth/login", data=form, headers=headers("an.old.token"))
        assert answer.status_code == 200
        assert client.get("/auth/me").status_code == 401


def test_a_key_may_be_sent_by_the_scheme_that_challenges_name(house: House) -> None:
    key = house.key(house.user())
    sent = {"Authorization": f"ApiKey {key}"}
    assert house.client.get("/who", headers=sent).json()["method"] == "api_key"
    token = {"Authorization": f"ApiKey {house.token()}"}
    assert house.client.get("/who", headers=token).status_code == 401


@pytest.mark.parametrize("space", [b"\xa0", b"\x85", b"\x0b", b"\x1c"])
def test_what_only_python_takes_for_white_space_is_no_white_space(
    house: House, space: bytes
) -> None:
    house.user()
    value = b"Bearer " + space + house.token().encode()
    assert house.client.get("/who", headers=[(b"authorization", value)]).status_code == 401


def test_the_spellings_of_one_token_are_remembered_once(house: House) -> None:
    """Or a client could push everybody else out of the memory with one of its own."""
    house.user()
    token = house.token()
    for spaces in range(1, 30):
        sent = {"Authorization": "Bearer" + " " * spaces + token}
        assert house.client.get("/who", headers=sent).status_code == 200
    assert len(house.services.resolver._remembered) == 1


def test_a_locked_owner_cannot_sign_in(time: ManualClock, house: House) -> None:
    """And the answer is that to a wrong password."""
    house.user()
    set_user(house, locked_until=time.now() + timedelta(minutes=10))
    locked = house.login()
    assert (locked.status_code, locked.json()) == (401, house.login(password="wrong one").json())
    time.advance(timedelta(minutes=10))
    assert house.login().status_code == 200
