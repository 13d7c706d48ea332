"""Websockets: judged before they are accepted, closed when what opened them is taken away."""

import asyncio
import gc
import threading
import time as times
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated, Any

import anyio
import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from httpx2 import Headers
from sqlalchemy import event, text
from sqlmodel import col, select
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession

from backoffice.auth import Auth, AuthSettings, Principal, User, websockets
from backoffice.auth.models import Ticket
from backoffice.auth.sessions import Client
from backoffice.core import Database, Unavailable
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House, bearer, create_tables, headers

Copies = Callable[[str, Callable[[str], None]], str]
HERE = "http://testserver"


class Street(House):
    """A house whose app has websockets; `left` is how each endpoint heard of its end."""

    left: list[tuple[int, str]]

    def connect(
        self, path: str = "/ws/who", subprotocols: list[str] | None = None, **given: Any
    ) -> WebSocketTestSession:
        """A websocket, which opens within `with`; `origin` and credentials are headers."""
        origin = given.pop("origin", None)
        origins = [origin] if isinstance(origin, str) else origin or []
        sent = Headers([*headers(**given).items(), *(("Origin", each) for each in origins)])
        return self.client.websocket_connect(path, subprotocols=subprotocols, headers=sent)

    def refused(self, path: str = "/ws/who", **given: Any) -> WebSocketDenialResponse:
        """The answer to a handshake that was refused before the websocket was accepted."""
        with pytest.raises(WebSocketDenialResponse) as refusal, self.connect(path, **given):
            pass
        return refusal.value

    def ticket(self, **credential: str) -> str:
        """A new ticket."""
        answer = self.post("/auth/ws-ticket", **credential)
        assert answer.status_code == 200, answer.text
        ticket: str = answer.json()["ticket"]
        return ticket


def offer(ticket: str) -> list[str]:
    return ["backoffice", f"backoffice.ticket.{ticket}"]


def code(response: Any) -> str:
    found: str = response.json()["detail"]["code"]
    return found


def close_of(socket: WebSocketTestSession, within: float = 3.0) -> tuple[int, str]:
    """The code and the reason by which the app closes it."""

    async def until_closed() -> tuple[int, str]:
        with anyio.fail_after(within):
            while True:
                message = await socket._send_rx.receive()
                if message["type"] == "websocket.close":
                    return message["code"], message["reason"]

    return socket.portal.call(until_closed)


def paved(settings: AuthSettings | None = None) -> Street:
    """An app with websockets for each kind of question."""
    auth, app = Auth(settings), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    street = Street(auth, app)
    street.left = []

    async def echo(websocket: WebSocket) -> None:
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect as gone:
            street.left.append((gone.code, gone.reason))

    @app.websocket("/ws/who")
    async def who(websocket: WebSocket, who: Annotated[Principal, auth.require()]) -> None:
        await websocket.accept()
        await websocket.send_json({"id": str(who.id), "method": who.method})
        await echo(websocket)

    @app.websocket("/ws/feed")
    async def feed(websocket: WebSocket, who: Annotated[Principal | None, auth.optional()]) -> None:
        await websocket.accept()
        await websocket.send_json({"id": str(who.id) if who else None})
        await echo(websocket)

    @app.websocket("/ws/books", dependencies=[auth.require(), auth.require("books:read")])
    async def books(websocket: WebSocket) -> None:
        await websocket.accept()
        await echo(websocket)

    @app.websocket("/ws/fresh", dependencies=[auth.require(fresh=timedelta(minutes=5))])
    async def fresh(websocket: WebSocket) -> None:
        await websocket.accept()
        await echo(websocket)

    @app.websocket("/ws/push", dependencies=[auth.require()])
    async def push(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text("tick")
                await asyncio.sleep(0.02)
        except WebSocketDisconnect as gone:
            street.left.append((gone.code, gone.reason))
            await websocket.close()  # as many endpoints do in a `finally`

    @app.websocket("/ws/slow", dependencies=[auth.require()])
    async def slow(websocket: WebSocket) -> None:
        await websocket.accept()
        done = 0
        try:
            while True:
                await websocket.receive_text()
                await asyncio.sleep(0.5)
                done += 1
        except WebSocketDisconnect as gone:
            street.left.append((gone.code, str(done)))

    @app.websocket("/ws/late", dependencies=[auth.require()])
    async def late(websocket: WebSocket) -> None:
        await asyncio.sleep(2.5)
        await websocket.accept()

    @app.get("/who")
    async def plain(who: Annotated[Principal, auth.require()]) -> str:
        return who.method

    @app.get("/feed")
    async def plain_feed(who: Annotated[Principal | None, auth.optional()]) -> str:
        return who.method if who else "nobody"

    return street


@pytest.fixture
def street(database_from_template: Copies, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")
    monkeypatch.setenv("BACKOFFICE_AUTH__TRUSTED_ORIGINS", "https://shop.example.com")
    with paved() as found:
        yield found


@pytest.fixture
def other(street: Street) -> Iterator[Street]:
    """A second process, as it were: another run of the same app on the same database."""
    with paved() as found:
        yield found


class TestHandshake:
    """The decision table holds before a websocket is accepted."""

    def test_nothing_presented_is_401_with_a_challenge_for_each_scheme(
        self, street: Street
    ) -> None:
        answer = street.refused()
        assert (answer.status_code, code(answer)) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="backoffice", ApiKey realm="backoffice"'
        )

    def test_nothing_presented_is_anonymous_where_that_is_allowed(self, street: Street) -> None:
        with street.connect("/ws/feed") as socket:
            assert socket.receive_json() == {"id": None}

    @pytest.mark.parametrize("method", ["jwt", "api_key", "session", "ticket"])
    def test_each_kind_of_credential_gives_the_same_principal(
        self, street: Street, method: str
    ) -> None:
        user = street.user()
        ways: dict[str, Callable[[], dict[str, Any]]] = {
            "jwt": lambda: {"token": street.token()},
            "api_key": lambda: {"key": street.key(user)},
            "session": lambda: {"cookie": street.cookie(), "origin": HERE},
            "ticket": lambda: {"subprotocols": offer(street.ticket(token=street.token()))},
        }
        with street.connect(**ways[method]()) as socket:
            expected = "jwt" if method == "ticket" else method
            assert socket.receive_json() == {"id": str(user.id), "method": expected}
            socket.send_text("hello")
            assert socket.receive_text() == "hello"

    @pytest.mark.parametrize("path", ["/ws/who", "/ws/feed"])
    @pytest.mark.parametrize("given", [{"token": "a.b.c"}, {"key": "bo_x"}, {"token": "bo_x"}])
    def test_a_bad_credential_is_401_on_optional_websockets_too(
        self, street: Street, path: str, given: dict[str, str]
    ) -> None:
        answer = street.refused(path, **given)
        assert (answer.status_code, code(answer)) == (401, "invalid_token")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    def test_a_bad_token_beside_a_good_key_is_401(self, street: Street) -> None:
        key = street.key(street.user())
        assert street.refused(token="a.b.c", key=key).status_code == 401

    def test_two_good_credentials_are_400(self, street: Street) -> None:
        user = street.user()
        answer = street.refused(token=street.token(), key=street.key(user))
        assert (answer.status_code, code(answer)) == (400, "invalid_request")

    def test_an_explicit_credential_beats_the_cookie_and_needs_no_origin(
        self, street: Street
    ) -> None:
        street.user()
        bob = street.user("bob@example.com")
        with street.connect(token=street.token("bob@example.com"), cookie=street.cookie()) as one:
            assert one.receive_json()["id"] == str(bob.id)

    def test_a_stale_cookie_is_absent_and_cleared(self, street: Street) -> None:
        user = street.user()
        cookie = street.cookie()
        street.call(street.services.sessions.end_all_of(user.id, actor="", client=Client()))
        answer = street.refused(cookie=cookie, origin=HERE)
        assert answer.status_code == 401
        assert "Max-Age=0" in answer.headers["set-cookie"]
        with street.connect("/ws/feed", cookie=cookie, origin=HERE) as socket:
            assert socket.receive_json() == {"id": None}
            sent: dict[bytes, bytes] = dict(list(socket.extra_headers or ()))
            cleared = sent[b"set-cookie"].decode()
            assert cleared.startswith('backoffice_session="";')
            assert "Max-Age=0" in cleared

    @pytest.mark.parametrize("path", ["/ws/who", "/ws/feed"])
    def test_a_forged_cookie_is_never_anonymous(self, street: Street, path: str) -> None:
        assert street.refused(path, cookie="nonsense", origin=HERE).status_code == 401

    def test_a_missing_permission_is_403_and_named(self, street: Street) -> None:
        street.user()
        answer = street.refused("/ws/books", token=street.token())
        assert (answer.status_code, code(answer)) == (403, "insufficient_scope")
        assert 'scope="books:read"' in answer.headers["www-authenticate"]

    def test_who_is_not_fresh_is_403(self, street: Street) -> None:
        key = street.key(street.user())
        assert code(street.refused("/ws/fresh", key=key)) == "not_fresh"

    def test_credentials_of_an_owner_who_is_inactive_are_401(self, street: Street) -> None:
        user = street.user()
        token = street.token()
        street.call(street.services.users.change(user.id, {"is_active": False}, actor="test"))
        assert street.refused(token=token).status_code == 401

    def test_a_server_that_can_tell_no_reason_refuses_all_the_same(self, street: Street) -> None:
        """By a close before the acceptance, which such servers answer by 403."""
        messages: list[dict[str, Any]] = []

        async def handshake() -> None:
            async def receive() -> dict[str, Any]:
                return {"type": "websocket.connect"}

            async def send(message: Any) -> None:
                messages.append(message)

            scope = {
                "type": "websocket",
                "path": "/ws/who",
                "query_string": b"",
                "headers": [],
                "state": dict(street.client.app_state),
            }
            await street.app(scope, receive, send)

        street.call(handshake())
        assert [(each["type"], each["code"]) for each in messages] == [("websocket.close", 1008)]


class TestOrigin:
    """A cookie opens a websocket for a page of this site, or of an origin that is trusted."""

    @pytest.mark.parametrize("origin", [HERE, "https://shop.example.com"])
    def test_of_this_site_or_trusted(self, street: Street, origin: str) -> None:
        street.user()
        with street.connect(cookie=street.cookie(), origin=origin) as socket:
            assert socket.receive_json()["method"] == "session"

    @pytest.mark.parametrize(
        "origin",
        [
            None,
            "",
            "null",
            "https://evil.example",
            "http://shop.example.com",
            "https://shop.example.com.evil.example",
            "https://shop.example.com:444",
            ["https://shop.example.com", "https://evil.example"],
        ],
    )
    def test_of_anywhere_else(self, street: Street, origin: Any) -> None:
        street.user()
        answer = street.refused("/ws/feed", cookie=street.cookie(), origin=origin)
        assert (answer.status_code, code(answer)) == (403, "csrf_failed")

    def test_trust_is_for_websockets_alone(self, street: Street) -> None:
        street.user()
        sent = {**headers(cookie=street.cookie()), "Origin": "https://shop.example.com"}
        assert street.client.post("/auth/ws-ticket", headers=sent).status_code == 403

    @pytest.mark.parametrize(
        "written",
        [
            "*",
            "null",
            "shop.example.com",
            "http://shop.example.com",
            "https://shop.example.com/path",
            "https://user@shop.example.com",
            "https://*.example.com",
            "https://shop.example.com:99999",
            "https://shop.example.com:0",
            "https://",
            "https://a b",
        ],
    )
    def test_a_setting_that_is_no_origin_is_refused(self, written: str) -> None:
        with pytest.raises(ValueError, match="is not an origin"):
            AuthSettings(trusted_origins=(written,))

    def test_origins_are_written_as_browsers_send_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "BACKOFFICE_AUTH__TRUSTED_ORIGINS"
        monkeypatch.setenv(name, "https://Shop.example.com:443/, https://[::1]:8443,")
        found = AuthSettings().trusted_origins
        assert found == ("https://shop.example.com", "https://[::1]:8443")


class TestTicket:
    """A ticket opens one websocket, for whoever asked, for a short while."""

    def test_is_given_to_whom_is_signed_in_alone_and_to_no_cache(self, street: Street) -> None:
        street.user()
        assert street.post("/auth/ws-ticket").status_code == 401
        answer = street.post("/auth/ws-ticket", token=street.token())
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["expires_in"] == 30

    def test_is_good_once(self, street: Street) -> None:
        street.user()
        ticket = street.ticket(token=street.token())
        with street.connect(subprotocols=offer(ticket)) as socket:
            assert socket.receive_json()["method"] == "jwt"
        answer = street.refused("/ws/feed", subprotocols=offer(ticket))
        assert (answer.status_code, code(answer)) == (401, "invalid_token")

    def test_is_good_once_of_twenty_at_once_in_two_processes(
        self, street: Street, other: Street
    ) -> None:
        street.user()
        ticket = street.ticket(token=street.token())

        async def twenty(house: Street) -> list[bool]:
            spends = (house.services.tickets.spend(ticket) for _ in range(10))
            return [spent is not None for spent in await asyncio.gather(*spends)]

        ways = [each.running.portal.start_task_soon(twenty, each) for each in (street, other)]
        counted = Counter(each for way in ways for each in way.result(30))
        assert counted == {True: 1, False: 19}

    def test_runs_out(self, time: ManualClock, street: Street) -> None:
        street.user()
        ticket = street.ticket(token=street.token())
        time.advance(timedelta(seconds=30))
        assert street.refused(subprotocols=offer(ticket)).status_code == 401

    @pytest.mark.parametrize("path", ["/who", "/feed"])
    def test_opens_nothing_but_websockets(self, street: Street, path: str) -> None:
        street.user()
        ticket = street.ticket(token=street.token())
        protocol = {"Sec-WebSocket-Protocol": ", ".join(offer(ticket))}
        for sent in (protocol, bearer(ticket), {"X-API-Key": ticket}):
            answer = street.client.get(path, headers=sent)
            assert (answer.status_code, code(answer)) == (401, "invalid_token")
        beside = street.client.get(path, headers={**protocol, **bearer(street.token())})
        assert beside.status_code == 401
        with street.connect(subprotocols=offer(ticket)) as socket:
            assert socket.receive_json()["method"] == "jwt"

    def test_is_not_taken_from_the_address(self, street: Street) -> None:
        street.user()
        ticket = street.ticket(token=street.token())
        assert code(street.refused(f"/ws/who?ticket={ticket}")) == "unauthenticated"

    @pytest.mark.parametrize("bad", ["", "x", "bot_" + "x" * 32, "bot_é", "bor_x"])
    @pytest.mark.parametrize("path", ["/ws/who", "/ws/feed"])
    def test_a_bad_one_is_refused(self, street: Street, path: str, bad: str) -> None:
        given = Headers([(b"Sec-WebSocket-Protocol", f"chat, backoffice.ticket.{bad}".encode())])
        with (
            pytest.raises(WebSocketDenialResponse) as refusal,
            street.client.websocket_connect(path, headers=given),
        ):
            pass
        assert (refusal.value.status_code, code(refusal.value)) == (401, "invalid_token")

    def test_beside_another_credential_makes_two(self, street: Street) -> None:
        user = street.user()
        token = street.token()
        one, other = street.ticket(token=token), street.ticket(token=token)
        for given in (
            {
                "token": token,
                "key": street.key(user),
                "subprotocols": offer(street.ticket(token=token)),
            },
            {"token": token, "subprotocols": offer(one)},
            {"subprotocols": [*offer(other), *offer(street.ticket(token=token))]},
            {"key": street.key(user), "subprotocols": offer(street.ticket(token=token))},
        ):
            answer = street.refused(**given)
            assert (answer.status_code, code(answer)) == (400, "invalid_request")

    def test_beside_a_bad_one_is_not_spent(self, street: Street) -> None:
        street.user()
        ticket = street.ticket(token=street.token())
        assert street.refused(token="a.b.c", subprotocols=offer(ticket)).status_code == 401
        with street.connect(subprotocols=offer(ticket)) as socket:
            assert socket.receive_json()["method"] == "jwt"

    def test_beats_the_cookie(self, street: Street) -> None:
        street.user()
        bob = street.user("bob@example.com")
        ticket = street.ticket(token=street.token("bob@example.com"))
        with street.connect(cookie=street.cookie(), subprotocols=offer(ticket)) as socket:
            assert socket.receive_json()["id"] == str(bob.id)

    def test_may_no_more_than_the_key_that_asked(self, street: Street) -> None:
        user = street.user("ann@example.com", "books:read", "books:write")
        narrow, wide = street.key(user, "books:write"), street.key(user)
        with street.connect("/ws/books", subprotocols=offer(street.ticket(key=wide))):
            pass
        ticket = street.ticket(key=narrow)
        answer = street.refused("/ws/books", subprotocols=offer(ticket))
        assert code(answer) == "insufficient_scope"

    @pytest.mark.parametrize("kind", ["token", "cookie", "key"])
    def test_dies_with_what_it_stands_for(self, street: Street, kind: str) -> None:
        user = street.user()
        services = street.services
        if kind == "key":
            ticket = street.ticket(key=street.key(user))
            [row] = street.call(services.keys.of_user(user.id))
            street.call(services.keys.revoke(row.id, actor="test"))
        else:
            given = {"token": street.token()} if kind == "token" else {"cookie": street.cookie()}
            sent = {**headers(**given), "Origin": HERE}
            ticket = street.client.post("/auth/ws-ticket", headers=sent).json()["ticket"]
            street.call(services.sessions.end_all_of(user.id, actor="", client=Client()))
        assert street.refused(subprotocols=offer(ticket)).status_code == 401

    def test_is_kept_as_a_digest_and_not_for_long(self, time: ManualClock, street: Street) -> None:
        street.user()
        token = street.token()
        tickets = [street.ticket(token=token) for _ in range(3)]

        async def kept() -> list[Ticket]:
            async with street.services.database.session() as session:
                return list((await session.exec(select(Ticket).order_by(col(Ticket.digest)))).all())

        rows = street.call(kept())
        assert len(rows) == 3
        assert not any(ticket in repr(row.model_dump()) for ticket in tickets for row in rows)
        time.advance(timedelta(minutes=1))
        street.ticket(token=street.token())
        assert len(street.call(kept())) == 1

    def test_a_user_who_is_deleted_leaves_none(self, street: Street) -> None:
        user = street.user()
        ticket = street.ticket(token=street.token())
        street.call(street.services.users.delete(user.id, actor="test"))
        assert street.refused(subprotocols=offer(ticket)).status_code == 401

    def test_the_app_sees_the_other_subprotocols_and_one_of_them_is_accepted(
        self, street: Street
    ) -> None:
        street.user()
        token = street.token()
        seen: list[list[str]] = []

        @street.app.websocket("/ws/protocols", dependencies=[street.auth.require()])
        async def protocols(websocket: WebSocket) -> None:
            seen.append(websocket.scope["subprotocols"])
            chosen = "chat" if "chat" in seen[-1] else None
            await websocket.accept(chosen)

        for offered, accepted in ((["chat"], "chat"), ([], "backoffice")):
            subprotocols = [*offered, *offer(street.ticket(token=token))]
            with street.connect("/ws/protocols", subprotocols=subprotocols) as socket:
                assert socket.accepted_subprotocol == accepted
        assert seen == [["chat", "backoffice"], ["backoffice"]]

    def test_by_two_credentials_none_is_given(
        self, database_from_template: Copies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        monkeypatch.setenv("BACKOFFICE_AUTH__TWO_CREDENTIALS", "true")
        with paved() as street:
            user = street.user()
            answer = street.post("/auth/ws-ticket", street.token(), key=street.key(user))
            assert (answer.status_code, code(answer)) == (400, "invalid_request")


def sign_out(street: Street, user: User, token: str) -> None:
    assert street.post("/auth/logout", token).status_code == 204


def set_password(street: Street, user: User, token: str) -> None:
    street.call(street.services.users.set_password(user.id, "another long one", actor="test"))


def deactivate(street: Street, user: User, token: str) -> None:
    street.call(street.services.users.change(user.id, {"is_active": False}, actor="test"))


def delete(street: Street, user: User, token: str) -> None:
    street.call(street.services.users.delete(user.id, actor="test"))


ENDS = [sign_out, set_password, deactivate, delete]


class TestClosing:
    """What is taken away closes what it had opened, in whatever process."""

    @pytest.mark.parametrize("end", ENDS, ids=lambda each: each.__name__)
    def test_what_ends_a_session_closes_its_websockets(
        self, street: Street, other: Street, end: Callable[[Street, User, str], None]
    ) -> None:
        user = street.user()
        token = street.token()
        ticket = street.ticket(token=token)
        with (
            other.connect(token=token) as there,
            street.connect(subprotocols=offer(ticket)) as here,
        ):
            settled(street, other)
            end(street, user, token)
            for socket in (here, there):
                closed, reason = close_of(socket, within=1.25)
                assert closed == 1008
                assert reason.startswith("invalid_token")

    def test_a_key_that_is_revoked(self, street: Street, other: Street) -> None:
        user = street.user()
        key = street.key(user)
        with other.connect("/ws/feed", key=key) as socket:
            settled(other)
            [row] = street.call(street.services.keys.of_user(user.id))
            street.call(street.services.keys.revoke(row.id, actor="test"))
            assert close_of(socket, within=1.25)[0] == 1008

    def test_a_browser_session_that_is_ended(self, street: Street, other: Street) -> None:
        user = street.user()
        with other.connect(cookie=street.cookie(), origin=HERE) as socket:
            settled(other)
            street.call(street.services.sessions.end_all_of(user.id, actor="", client=Client()))
            assert close_of(socket, within=1.25)[0] == 1008

    @pytest.mark.parametrize("how", ["taken", "emptied"])
    def test_a_permission_that_is_lost(self, street: Street, other: Street, how: str) -> None:
        user = street.user("ann@example.com", "books:read")
        token = street.token()
        with other.connect("/ws/books", token=token) as books, other.connect(token=token) as who:
            who.receive_json()
            settled(other)
            roles = street.services.roles
            if how == "taken":
                street.call(roles.revoke(user.id, "role of ann", actor="test"))
            else:
                role = street.call(roles.find("role of ann"))
                street.call(roles.change(role.id, permissions=[], actor="test"))
            closed, reason = close_of(books, within=1.25)
            assert (closed, reason.partition(":")[0]) == (1008, "insufficient_scope")
            who.send_text("still here")
            assert who.receive_text() == "still here"

    def test_what_stands_stays_open(self, street: Street) -> None:
        """Another session of the same user, and of another user."""
        user = street.user()
        street.user("bob@example.com")
        ended, kept, bobs = street.token(), street.token(), street.token("bob@example.com")
        with (
            street.connect(token=kept) as mine,
            street.connect(token=bobs) as his,
            street.connect(token=ended) as gone,
        ):
            sign_out(street, user, ended)
            assert close_of(gone)[0] == 1008
            for socket in (mine, his):
                socket.receive_json()
                socket.send_text("x")
                assert socket.receive_text() == "x"

    def test_an_endpoint_that_waits_hears_that_it_is_over(self, street: Street) -> None:
        user = street.user()
        token = street.token()
        with street.connect(token=token) as socket:
            sign_out(street, user, token)
            close_of(socket)
            wait_for(lambda: bool(street.left))
        assert street.left[0][0] == 1008

    def test_an_endpoint_that_only_sends_hears_it_too(self, street: Street) -> None:
        user = street.user()
        token = street.token()
        with street.connect("/ws/push", token=token) as socket:
            sign_out(street, user, token)
            assert close_of(socket)[0] == 1008
            wait_for(lambda: bool(street.left))
        assert street.left[0][0] == 1008

    def test_what_was_sent_before_and_not_read_is_not_read_after(self, street: Street) -> None:
        user = street.user()
        token = street.token()
        with street.connect("/ws/slow", token=token) as socket:
            for _ in range(100):
                socket.send_text("an order")
            sign_out(street, user, token)
            close_of(socket)
            wait_for(lambda: bool(street.left))
        [(closed, done)] = street.left
        assert closed == 1008
        assert int(done) < 10

    def test_what_is_taken_before_the_acceptance_refuses_it(self, street: Street) -> None:
        user = street.user()
        token = street.token()
        failed: list[BaseException] = []

        def ended() -> None:
            sign_out(street, user, token)

        timer = threading.Timer(0.5, ended)
        timer.start()
        try:
            with street.connect("/ws/late", token=token):
                pass
        except WebSocketDisconnect as error:
            failed.append(error)
        timer.join()
        assert [getattr(each, "code", None) for each in failed] == [1008]

    @pytest.mark.parametrize("kind", ["lifetime", "key"])
    def test_a_credential_that_runs_out(self, time: ManualClock, street: Street, kind: str) -> None:
        span = street.services.settings.websocket_lifetime
        user = street.user()
        if kind == "key":
            span = timedelta(minutes=20)
        key = street.key(user, expires_at=time.now() + span if kind == "key" else None)
        with street.connect(key=key) as socket:
            socket.receive_json()
            time.advance(span - timedelta(seconds=1))
            settled(street)
            socket.send_text("x")
            assert socket.receive_text() == "x"
            time.advance(timedelta(seconds=1))
            assert close_of(socket)[0] == 1008

    def test_a_browser_session_that_lies_idle(self, time: ManualClock, street: Street) -> None:
        street.user()
        with street.connect(cookie=street.cookie(), origin=HERE) as socket:
            time.advance(street.services.settings.session_idle)
            assert close_of(socket)[0] == 1008

    def test_outlives_the_access_token(self, time: ManualClock, street: Street) -> None:
        street.user()
        with street.connect(token=street.token()) as socket:
            socket.receive_json()
            time.advance(street.services.settings.access_lifetime + timedelta(minutes=1))
            settled(street)
            socket.send_text("x")
            assert socket.receive_text() == "x"

    def test_a_change_made_by_hand_is_seen_within_a_minute(
        self, time: ManualClock, street: Street
    ) -> None:
        street.user()
        with street.connect(token=street.token()) as socket:
            socket.receive_json()
            settled(street)

            async def by_hand() -> None:
                async with street.services.database.engine.begin() as connection:
                    await connection.execute(text("UPDATE backoffice_user SET is_active = false"))

            street.call(by_hand())
            time.advance(timedelta(minutes=1))
            assert close_of(socket)[0] == 1008

    def test_freshness_is_asked_for_at_the_door_alone(
        self, time: ManualClock, street: Street
    ) -> None:
        user = street.user()
        with street.connect("/ws/fresh", token=street.token()) as socket:
            time.advance(timedelta(minutes=6))
            street.accounts.role("reader", "books:read")
            street.call(street.services.roles.grant(user.id, "reader", actor="test"))
            settled(street)
            socket.send_text("x")
            assert socket.receive_text() == "x"

    def test_of_two_credentials_either_closes_it(
        self, database_from_template: Copies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        monkeypatch.setenv("BACKOFFICE_AUTH__TWO_CREDENTIALS", "true")
        with paved() as street:
            user = street.user()
            token, key = street.token(), street.key(user)
            with street.connect(token=token, key=key) as socket:
                [row] = street.call(street.services.keys.of_user(user.id))
                street.call(street.services.keys.revoke(row.id, actor="test"))
                assert close_of(socket)[0] == 1008
            key = street.key(user)
            with street.connect(token=token, key=key) as socket:
                sign_out(street, user, token)
                assert close_of(socket)[0] == 1008

    def test_where_nothing_can_be_asked_all_are_closed(
        self, street: Street, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(websockets, "PATIENCE", 1.0)
        street.user()
        with street.connect(token=street.token()) as socket:
            socket.receive_json()

            def gone(*_: object, **__: object) -> None:
                raise Unavailable("gone", code="database_unavailable")

            monkeypatch.setattr(Database, "session", gone)
            assert close_of(socket)[0] == 1013
            monkeypatch.undo()


def due(street: Street) -> list[Any]:
    """The open websockets about which a question is still to be asked."""
    now = street.services.clock.now()
    found = street.services.websockets._open()
    return [each for each in found if each.ask_at is None or now >= each.ask_at]


def settled(*streets: Street) -> None:
    """Let the first looks pass, at which whatever was just opened is asked about."""
    wait_for(lambda: not any(due(each) for each in streets))


def wait_for(condition: Callable[[], bool], within: float = 5.0) -> None:
    ends = times.monotonic() + within
    while not condition():
        assert times.monotonic() < ends
        times.sleep(0.01)


class TestCost:
    """Open websockets cost one question a look, and leave nothing behind."""

    def test_many_are_asked_about_together(self, street: Street) -> None:
        users = [street.user(f"u{n}@example.com") for n in range(20)]
        tokens = [street.token(user.email) for user in users]
        asked: list[str] = []
        engine = street.services.database.engine.sync_engine
        with ExitStack() as stack:
            for token in tokens:
                stack.enter_context(street.connect(token=token))
            settled(street)
            event.listen(engine, "before_cursor_execute", lambda *each: asked.append(each[2]))
            # A role changes, which may concern everybody.
            role = street.accounts.role("reader", "books:read")
            street.call(street.services.roles.change(role.id, permissions=[], actor="test"))
            wait_for(lambda: bool(about(asked)))
            settled(street)
        assert len(about(asked)) == 1

    def test_five_hundred_that_came_and_went_leave_nothing(self, street: Street) -> None:
        street.user()
        token = street.token()
        found = street.services.websockets
        for _ in range(10):
            with ExitStack() as stack:
                for _ in range(50):
                    stack.enter_context(street.connect(token=token)).receive_json()
                assert len(found) == 50
            wait_for(lambda: len(found) == 0)
        gc.collect()
        wait_for(lambda: len(found._all) == 0)
        wait_for(lambda: found._task is None or found._task.done())

    def test_requests_do_not_start_a_watch(self, street: Street) -> None:
        street.user()
        assert street.get("/who", street.token()).status_code == 200
        assert street.services.websockets._task is None


def about(asked: list[str]) -> list[str]:
    """The questions how sessions stand."""
    return [each for each in asked if "JOIN backoffice_session" in each]
