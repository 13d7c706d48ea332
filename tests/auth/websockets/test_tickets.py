"""Tickets open a websocket where a browser can send no header."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from fastapi import WebSocket
from httpx2 import Headers
from sqlmodel import col, select
from starlette.testclient import WebSocketDenialResponse

from backoffice.auth.models import Ticket
from backoffice.auth.sessions import Client
from backoffice.core.testing import ManualClock
from tests.auth.conftest import bearer, create_tables, headers
from tests.auth.websockets.conftest import (
    HERE,
    Copies,
    Street,
    code,
    offer,
    paved,
)


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
        user = street.user("ann@example.com", "books:read", "users:view")
        narrow, wide = street.key(user, "users:view"), street.key(user)
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
