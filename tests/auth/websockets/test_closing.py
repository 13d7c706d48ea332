"""Websockets are closed when what opened them is taken away."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import WebSocketDisconnect
from sqlalchemy import text

from backoffice.auth import User, websockets
from backoffice.auth.sessions import Client
from backoffice.core import Database, Unavailable
from backoffice.core.testing import ManualClock
from tests.auth.conftest import create_tables
from tests.auth.websockets.conftest import (
    HERE,
    Copies,
    Street,
    close_of,
    offer,
    paved,
    settled,
    sign_out,
    wait_for,
)


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
                closed, reason = close_of(socket)
                assert closed == 1008
                assert reason.startswith("invalid_token")

    def test_a_key_that_is_revoked(self, street: Street, other: Street) -> None:
        user = street.user()
        key = street.key(user)
        with other.connect("/ws/feed", key=key) as socket:
            settled(other)
            [row] = street.call(street.services.keys.of_user(user.id))
            street.call(street.services.keys.revoke(row.id, actor="test"))
            assert close_of(socket)[0] == 1008

    def test_a_browser_session_that_is_ended(self, street: Street, other: Street) -> None:
        user = street.user()
        with other.connect(cookie=street.cookie(), origin=HERE) as socket:
            settled(other)
            street.call(street.services.sessions.end_all_of(user.id, actor="", client=Client()))
            assert close_of(socket)[0] == 1008

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
            closed, reason = close_of(books)
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

    def test_a_permission_that_was_given_for_a_while(
        self, time: ManualClock, street: Street
    ) -> None:
        user, until = street.user(), time.now() + timedelta(minutes=20)
        street.call(street.services.grants.give(user.id, "books:read", until, actor="test"))
        with street.connect("/ws/books", token=street.token()) as books:
            settled(street)
            time.advance(timedelta(minutes=20))
            closed, reason = close_of(books)
            assert (closed, reason.partition(":")[0]) == (1008, "insufficient_scope")

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
