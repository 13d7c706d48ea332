"""The decision table holds before a websocket is accepted."""

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.auth.sessions import Client
from tests.auth.websockets.conftest import HERE, Street, code, offer

pytestmark = pytest.mark.one_database


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
