"""Links by mail: an address is proved, a forgotten password replaced, an address changed."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlmodel import select

from backoffice.auth.models import LinkRequest, LinkToken
from backoffice.auth.sessions import Client
from backoffice.core.testing import ManualClock, SentMail
from tests.auth.conftest import PASSWORD, House, built

ANN, NEW = "ann@example.com", "ann@example.org"
OTHER = "quite another one"


@pytest.fixture(autouse=True)
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", "https://shop.example.org/")
    monkeypatch.setenv("BACKOFFICE_AUTH__RECOVERY_LIMIT", "1000/hour")


def sent(house: House, to: str = ANN) -> list[Any]:
    return SentMail(house.running).to(to)


def token(house: House, to: str = ANN) -> str:
    """The token of the newest link to that address."""
    found = re.findall(r"\?token=(bol_[\w-]{43})", sent(house, to)[-1].text)
    assert len(found) == 1
    return str(found[0])


def forgot(house: House, email: str = ANN) -> Response:
    return house.client.post("/auth/forgot-password", json={"email": email})


def reset(house: House, text: str, password: str = OTHER) -> Response:
    body = {"token": text, "password": password}
    return house.client.post("/auth/reset-password", json=body)


def verify(house: House, text: str) -> Response:
    return house.client.post("/auth/verify", json={"token": text})


def code(answer: Response) -> str:
    return str(answer.json()["detail"]["code"])


def rows(house: House, kind: Any) -> int:
    async def count() -> int:
        async with house.services.database.session() as session:
            return len((await session.exec(select(kind))).all())

    return house.call(count())


def last_event(house: House, name: str) -> Any:
    return house.call(house.services.audit.entries(event=name))[0]


class TestVerification:
    def test_who_registers_is_sent_a_link_that_proves_the_address(self, house: House) -> None:
        body = {"email": ANN, "password": PASSWORD}
        assert house.client.post("/auth/register", json=body).status_code == 202
        assert not house.get("/auth/me", house.token()).json()["is_verified"]
        assert verify(house, token(house)).status_code == 204
        assert house.get("/auth/me", house.token()).json()["is_verified"]
        assert last_event(house, "auth.email_verified").outcome == "success"

    def test_a_link_leads_where_the_app_is_met_whatever_host_a_request_names(
        self, house: House
    ) -> None:
        house.user()
        headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        house.client.post("/auth/request-verify", json={"email": ANN}, headers=headers)
        text = sent(house)[-1].text
        assert "https://shop.example.org/verify?token=" in text
        assert "evil" not in text

    def test_a_newer_link_voids_the_older(self, house: House) -> None:
        house.user()
        house.client.post("/auth/request-verify", json={"email": ANN})
        older = token(house)
        house.client.post("/auth/request-verify", json={"email": ANN})
        newer = token(house)  # only now it is made for sure
        assert code(verify(house, older)) == "invalid_link"
        assert verify(house, newer).status_code == 204

    def test_a_link_runs_out(self, time: ManualClock, house: House) -> None:
        house.user()
        house.client.post("/auth/request-verify", json={"email": ANN})
        text = token(house)
        time.advance(timedelta(days=1, seconds=1))
        assert verify(house, text).status_code == 400

    def test_who_is_verified_is_sent_nothing(self, house: House) -> None:
        user = house.user()
        house.call(house.services.users.change(user.id, {"is_verified": True}, actor="test"))
        answer = house.client.post("/auth/request-verify", json={"email": ANN})
        assert (answer.status_code, sent(house)) == (202, [])

    def test_who_tries_to_register_a_taken_address_is_told_as_little_as_its_owner_much(
        self, house: House
    ) -> None:
        house.user()
        body = {"email": ANN, "password": "some long password"}
        taken = house.client.post("/auth/register", json=body)
        free = house.client.post("/auth/register", json={**body, "email": NEW})
        assert (taken.status_code, taken.content) == (free.status_code, free.content)
        assert "bol_" not in sent(house)[-1].text
        assert last_event(house, "auth.registered_again").outcome == "failure"


class TestReset:
    def test_a_forgotten_password_is_replaced_and_every_session_ends(self, house: House) -> None:
        house.user()
        before = house.token()
        assert forgot(house).status_code == 202
        assert reset(house, token(house)).status_code == 204
        assert house.login(password=PASSWORD).status_code == 401
        assert house.login(password=OTHER).status_code == 200
        assert house.get("/who", before).status_code == 401
        assert "changed" in sent(house)[-1].subject

    def test_who_registered_anothers_address_keeps_nothing_of_it(self, house: House) -> None:
        house.client.post("/auth/register", json={"email": ANN, "password": PASSWORD})
        made = house.post("/auth/api-keys", house.token(), json={"name": "kept for later"})
        key = made.json()["key"]
        assert house.get("/who", key=key).status_code == 200
        forgot(house)
        assert reset(house, token(house)).status_code == 204
        assert house.get("/who", key=key).status_code == 401
        assert last_event(house, "auth.api_key_revoked").actor.startswith("user:")

    def test_keys_of_a_proved_address_go_on(self, house: House) -> None:
        user = house.user()
        house.call(house.services.users.change(user.id, {"is_verified": True}, actor="test"))
        key = house.key(user)
        forgot(house)
        assert reset(house, token(house)).status_code == 204
        assert house.get("/who", key=key).status_code == 200

    def test_the_answer_tells_nobody_who_has_an_account(self, house: House) -> None:
        house.user()
        known, unknown = forgot(house), forgot(house, "nobody@example.com")
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
        assert rows(house, LinkRequest) <= 2
        assert len(sent(house)) == 1
        assert rows(house, LinkRequest) == 0

    def test_a_link_is_good_once(self, house: House) -> None:
        house.user()
        forgot(house)
        text = token(house)
        assert reset(house, text).status_code == 204
        assert code(reset(house, text, "a third password")) == "invalid_link"
        assert house.login(password=OTHER).status_code == 200

    def test_a_password_that_is_refused_leaves_the_link_good(self, house: House) -> None:
        house.user()
        forgot(house)
        text = token(house)
        assert reset(house, text, "short").status_code == 422
        assert reset(house, text).status_code == 204

    def test_of_twenty_at_once_one_sets_the_password(self, house: House) -> None:
        house.user()
        forgot(house)
        text = token(house)

        async def together() -> list[Any]:
            tries = (
                house.services.recovery.reset(text, f"password number {number}", Client())
                for number in range(20)
            )
            return await asyncio.gather(*tries, return_exceptions=True)

        outcomes = house.call(together())
        assert [each for each in outcomes if each is None] == [None]
        assert {getattr(each, "code", None) for each in outcomes if each} == {"invalid_link"}

    def test_a_change_of_password_voids_it(self, house: House) -> None:
        user = house.user()
        forgot(house)
        text = token(house)
        house.call(house.services.users.set_password(user.id, OTHER, actor="test"))
        assert reset(house, text, "a third password").status_code == 400

    def test_who_is_not_active_is_sent_nothing_and_resets_nothing(self, house: House) -> None:
        user = house.user()
        forgot(house)
        text = token(house)
        house.call(house.services.users.change(user.id, {"is_active": False}, actor="test"))
        assert reset(house, text).status_code == 400
        forgot(house)
        assert len(sent(house)) == 1

    def test_a_service_is_sent_nothing(self, house: House) -> None:
        house.call(house.services.users.create_service(ANN, actor="test"))
        forgot(house)
        assert sent(house) == []

    @pytest.mark.parametrize(
        "text",
        ["", "x", "bol_" + "A" * 43, "bol_" + "é" * 43, "bol_" + "A" * 42 + "\x00", "A" * 200],
    )
    def test_what_is_no_token_is_400(self, house: House, text: str) -> None:
        house.user()
        assert code(reset(house, text)) == "invalid_link"
        assert code(verify(house, text)) == "invalid_link"

    def test_a_token_of_another_purpose_is_400(self, house: House) -> None:
        house.user()
        forgot(house)
        assert verify(house, token(house)).status_code == 400
        house.client.post("/auth/request-verify", json={"email": ANN})
        assert reset(house, token(house)).status_code == 400

    def test_the_database_has_no_token(self, house: House) -> None:
        house.user()
        forgot(house)
        text = token(house)

        async def kept() -> str:
            async with house.services.database.session() as session:
                return (await session.exec(select(LinkToken))).one().digest

        assert house.call(kept()) not in text
        assert rows(house, LinkToken) == 1

    def test_how_often_an_address_is_written_to_is_limited(self, house: House) -> None:
        house.user()
        answers = [forgot(house).status_code for _ in range(7)]
        assert answers == [202] * 5 + [429] * 2
        assert len(sent(house)) == 5
        assert forgot(house, "nobody@example.com").status_code == 202


class TestAddress:
    def change(self, house: House, bearer: str, password: str = PASSWORD) -> Response:
        body = {"email": NEW, "current_password": password}
        headers = {"Authorization": f"Bearer {bearer}"}
        return house.client.patch("/auth/me", json=body, headers=headers)

    def test_a_new_address_counts_once_it_is_proved_and_the_old_one_is_told(
        self, house: House
    ) -> None:
        house.user()
        bearer = house.token()
        assert self.change(house, bearer).status_code == 202
        text = token(house, NEW)
        assert house.get("/auth/me", bearer).json()["email"] == ANN
        assert verify(house, text).status_code == 204
        me = house.get("/auth/me", bearer).json()
        assert (me["email"], me["is_verified"]) == (NEW, True)
        assert "changed" in sent(house, ANN)[-1].subject
        assert house.login(NEW).status_code == 200

    def test_the_password_is_asked(self, house: House) -> None:
        house.user()
        assert self.change(house, house.token(), "wrong one").status_code == 422
        assert sent(house, NEW) == []

    def test_an_address_that_is_taken_by_then_is_a_conflict(self, house: House) -> None:
        house.user()
        self.change(house, house.token())
        text = token(house, NEW)
        house.user(NEW)
        assert code(verify(house, text)) == "email_taken"
        assert house.login().status_code == 200

    def test_an_address_that_is_taken_is_told_and_nobody_else(self, house: House) -> None:
        house.user()
        house.user(NEW)
        assert self.change(house, house.token()).status_code == 202
        assert "bol_" not in sent(house, NEW)[-1].text

    def test_links_that_were_sent_to_the_old_address_are_void(self, house: House) -> None:
        house.user()
        forgot(house)
        old = token(house)
        self.change(house, house.token())
        verify(house, token(house, NEW))
        assert reset(house, old).status_code == 400

    def test_no_other_field_is_ones_own_to_change(self, house: House) -> None:
        house.user()
        body = {"email": NEW, "current_password": PASSWORD, "is_superuser": True}
        headers = {"Authorization": f"Bearer {house.token()}"}
        assert house.client.patch("/auth/me", json=body, headers=headers).status_code == 422

    def test_a_key_changes_no_address(self, house: House) -> None:
        key = house.key(house.user())
        body = {"email": NEW, "current_password": PASSWORD}
        answer = house.client.patch("/auth/me", json=body, headers={"X-API-Key": key})
        assert answer.status_code == 403

    def test_a_stranger_changes_no_address(self, house: House) -> None:
        body = {"email": NEW, "current_password": PASSWORD}
        assert house.client.patch("/auth/me", json=body).status_code == 401


class TestLeaving:
    def leave(self, house: House, bearer: str, password: str = PASSWORD) -> Response:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        body = {"current_password": password}
        return house.client.request("DELETE", "/auth/me", json=body, headers=headers)

    def test_an_account_is_deleted_by_its_owner_who_knows_the_password(self, house: House) -> None:
        house.user()
        bearer = house.token()
        assert self.leave(house, bearer, "wrong one").status_code == 422
        assert self.leave(house, bearer).status_code == 204
        assert house.get("/who", bearer).status_code == 401
        assert house.login().status_code == 401

    def test_the_last_superuser_stays(self, house: House) -> None:
        house.user(superuser=True)
        assert self.leave(house, house.token()).status_code == 409

    def test_a_stranger_deletes_nothing(self, house: House) -> None:
        assert self.leave(house, "").status_code == 401


def test_without_an_address_for_links_nobody_is_promised_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_AUTH__PUBLIC_URL")
    with built() as plain:
        for path in ("forgot-password", "request-verify"):
            answer = plain.client.post(f"/auth/{path}", json={"email": ANN})
            assert (answer.status_code, code(answer)) == (503, "links_not_configured")
        body = {"email": ANN, "password": PASSWORD}
        assert plain.client.post("/auth/register", json=body).status_code == 202
        assert sent(plain) == []


def test_what_was_asked_before_a_crash_is_answered_after_it(house: House) -> None:
    """Another process takes it up: here, a second run on the same database."""
    house.user()

    async def asked() -> None:
        async with house.services.database.session() as session:
            moment = house.services.clock.now()
            session.add(LinkRequest(asked="reset", email=ANN, at=moment))
            await session.commit()

    house.call(asked())
    with built() as other:
        assert len(sent(other)) + len(sent(house)) == 1


def test_nobody_is_answered_who_asked_long_ago(time: ManualClock, house: House) -> None:
    house.user()

    async def asked() -> None:
        async with house.services.database.session() as session:
            moment = house.services.clock.now() - timedelta(hours=2)
            session.add(LinkRequest(asked="reset", email=ANN, at=moment))
            await session.commit()

    house.call(asked())
    assert sent(house) == []
    assert rows(house, LinkRequest) == 0
