"""What is taken away holds on the next request, everywhere, though nobody asks on each request."""

import asyncio
import time as times
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlmodel import col, select

from backoffice.auth import remembered as remembering
from backoffice.auth.models import Revocation, User
from backoffice.auth.remembered import EVERYBODY, Remembered
from backoffice.auth.revocations import KEPT, Revocations
from backoffice.auth.sessions import Client
from backoffice.core import Clock, Database, Unavailable
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House, built, create_tables

Copies = Callable[[str, Callable[[str], None]], str]


@pytest.fixture
def other(house: House) -> Iterator[House]:
    """A second process, as it were: another run of the same app on the same database."""
    with built() as found:
        yield found


def remembered(house: House, **credential: str) -> None:
    """Let the process remember the credential."""
    for _ in range(2):
        assert house.get("/who", **credential).status_code == 200


def sign_out(house: House, user: User, token: str) -> None:
    assert house.post("/auth/logout", token).status_code == 204


def sign_out_everywhere(house: House, user: User, token: str) -> None:
    assert house.post("/auth/logout-all", token).status_code == 204


def set_password(house: House, user: User, token: str) -> None:
    house.call(house.services.users.set_password(user.id, "another long one", actor="test"))


def deactivate(house: House, user: User, token: str) -> None:
    house.call(house.services.users.change(user.id, {"is_active": False}, actor="test"))


def delete(house: House, user: User, token: str) -> None:
    house.call(house.services.users.delete(user.id, actor="test"))


def reuse_a_refresh_token(house: House, user: User, token: str) -> None:
    session = house.call(house.services.sessions.of_user(user.id))[0]
    spent = house.services.sessions.tokens(session, 0).refresh_token
    for _ in range(3):
        house.client.post("/auth/refresh", json={"refresh_token": spent})
    newer = house.services.sessions.tokens(session, 1).refresh_token
    house.client.post("/auth/refresh", json={"refresh_token": newer})
    again = house.client.post("/auth/refresh", json={"refresh_token": spent})
    assert again.status_code == 401


ENDS = [sign_out, sign_out_everywhere, set_password, deactivate, delete, reuse_a_refresh_token]


@pytest.mark.parametrize("end", ENDS, ids=lambda each: each.__name__)
def test_what_ends_a_session_in_one_process_holds_in_the_other_at_once(
    house: House, other: House, end: Callable[[House, User, str], None]
) -> None:
    user = house.user()
    token = house.token()
    remembered(other, token=token)
    remembered(house, token=token)
    end(house, user, token)
    assert other.get("/who", token).status_code == 401
    assert house.get("/who", token).status_code == 401


def test_a_key_revoked_in_one_process_is_refused_in_the_other_at_once(
    house: House, other: House
) -> None:
    user = house.user()
    key = house.key(user)
    remembered(other, key=key)
    [row] = house.call(house.services.keys.of_user(user.id))
    house.call(house.services.keys.revoke(row.id, actor="test"))
    assert other.get("/who", key=key).status_code == 401


@pytest.mark.parametrize("how", ["taken", "emptied", "deleted"])
def test_a_role_that_is_taken_grants_nothing_in_the_other_process(
    house: House, other: House, how: str
) -> None:
    user = house.user("ann@example.com", "books:read")
    key = house.key(user)
    assert other.get("/books", key=key).status_code == 200
    roles = house.services.roles
    name = house.call(roles.of_user(user.id))[0]
    role = house.call(roles.find(name))
    if how == "taken":
        house.call(roles.revoke(user.id, name, actor="test"))
    elif how == "emptied":
        house.call(roles.change(role.id, permissions=[], actor="test"))
    else:
        house.call(roles.delete(role.id, actor="test"))
    assert other.get("/books", key=key).status_code == 403


def test_a_role_that_is_granted_counts_in_the_other_process(house: House, other: House) -> None:
    user = house.user()
    key = house.key(user)
    assert other.get("/books", key=key).status_code == 403
    house.accounts.role("reader", "books:read")
    house.call(house.services.roles.grant(user.id, "reader", actor="test"))
    assert other.get("/books", key=key).status_code == 200


def test_a_session_that_goes_on_is_not_ended_with_another(house: House, other: House) -> None:
    house.user()
    kept, ended = house.token(), house.token()
    remembered(other, token=kept)
    assert house.post("/auth/logout", ended).status_code == 204
    assert other.get("/who", kept).status_code == 200


class Statements:
    """What an app asks its database, but for what the outbox looks for by itself."""

    def __init__(self, house: House) -> None:
        self.seen: list[str] = []
        engine = house.services.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, *args: Any) -> None:
        if "backoffice_mail" not in str(args[2]):
            self.seen.append(str(args[2]))


@pytest.fixture
def patient(database_from_template: Copies, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """An app that trusts what it remembers for ten seconds."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__REVOCATION_LAG", "10")
    monkeypatch.setattr("backoffice.auth.last_uses.GATHER", 60)
    with built() as found:
        yield found


@pytest.mark.parametrize("kind", ["token", "key", "cookie"])
def test_a_credential_that_is_remembered_costs_no_statement(patient: House, kind: str) -> None:
    user = patient.user("ann@example.com", "books:read")
    credential = {
        "token": lambda: patient.token(),
        "key": lambda: patient.key(user),
        "cookie": lambda: patient.cookie(),
    }[kind]()
    remembered(patient, **{kind: credential})
    statements = Statements(patient)
    for _ in range(10):
        assert patient.get("/books", **{kind: credential}).status_code == 200
    assert statements.seen == []


def test_a_token_is_remembered_no_longer_than_it_is_good(time: ManualClock, patient: House) -> None:
    patient.user()
    token = patient.token()
    remembered(patient, token=token)
    time.advance(patient.services.settings.access_lifetime)
    assert patient.get("/who", token).status_code == 401


def test_a_cookie_is_not_remembered_as_a_token(patient: House) -> None:
    patient.user()
    cookie = patient.cookie()
    remembered(patient, cookie=cookie)
    assert patient.get("/who", token=cookie).status_code == 401


def test_without_remembering_all_goes_on(
    database_from_template: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No memory, and no trust: each request asks."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__REVOCATION_LAG", "0")
    monkeypatch.setenv("BACKOFFICE_AUTH__REMEMBERED", "0")
    with built() as house:
        house.user()
        token = house.token()
        remembered(house, token=token)
        sign_out(house, house.user("eve@example.com"), token)
        assert house.get("/who", token).status_code == 401


def test_a_change_made_by_hand_is_seen_after_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "RELOAD_AFTER", 0.2)
    house.user()
    token = house.token()
    remembered(house, token=token)

    async def by_hand() -> None:
        async with house.services.database.engine.begin() as connection:
            await connection.execute(text("UPDATE backoffice_user SET is_active = false"))

    house.call(by_hand())
    times.sleep(0.25)
    assert house.get("/who", token).status_code == 401


def test_a_change_during_the_loading_is_not_missed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the change, and arrives after it, is not remembered."""
    user = house.user()
    token = house.token()
    principals = type(house.services.resolver._principals)
    load = principals.of_session

    async def overtaken(self: Any, *arguments: Any) -> Any:
        found = await load(self, *arguments)
        await house.services.sessions.end_all_of(user.id, actor="test", client=Client())
        await house.services.revocations.refresh()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(principals, "of_session", overtaken)
        house.get("/who", token)
    assert house.get("/who", token).status_code == 401


def test_where_the_database_cannot_be_asked_nobody_is_let_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad credential is refused all the same: 401, not 503."""
    house.user()
    token = house.token()
    remembered(house, token=token)

    def gone(*_: object, **__: object) -> None:
        raise Unavailable("gone", code="database_unavailable")

    monkeypatch.setattr(Database, "session", gone)
    monkeypatch.setattr(Database, "read", gone)
    times.sleep(house.services.revocations.lag)
    assert house.get("/who", token).status_code == 503
    assert house.get("/who", "not.a.token").status_code == 401
    monkeypatch.undo()
    assert house.get("/who", token).status_code == 200


class TestNumbers:
    """Every commit gets the next number, however many there are at once."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    async def database(self, database_from_template: Copies) -> Any:
        found = Database(database_from_template("auth", create_tables), timeout=30)
        yield found
        await found.close()

    async def test_fifty_at_once_are_numbered_in_order_without_a_gap(
        self, database: Database
    ) -> None:
        revocations = Revocations(database, Clock(), 0)

        async def change() -> None:
            async with database.session() as session:
                await revocations.commit(session, uuid.uuid4())

        await asyncio.gather(*(change() for _ in range(50)))
        async with database.session() as session:
            query = select(Revocation.number).order_by(col(Revocation.number))
            assert list((await session.exec(query)).all()) == list(range(1, 51))

    async def test_who_asks_hears_each_change_once(self, database: Database) -> None:
        writer, reader = (Revocations(database, Clock(), 0) for _ in range(2))
        heard: list[uuid.UUID | None] = []
        reader.on_change(heard.append)
        await reader.refresh()
        whom = [uuid.uuid4() for _ in range(3)]
        for each in whom:
            async with database.session() as session:
                await writer.commit(session, each)
        await reader.refresh()
        await reader.refresh()
        assert sorted(map(str, heard)) == sorted(map(str, whom))

    async def test_who_has_missed_too_many_forgets_everybody(self, database: Database) -> None:
        writer, reader = (Revocations(database, Clock(), 0) for _ in range(2))
        heard: list[uuid.UUID | None] = []
        reader.on_change(heard.append)
        await reader.refresh()
        async with database.session() as session:
            session.add(Revocation(number=KEPT + 199, at=Clock().now()))
            await writer.commit(session, uuid.uuid4())
        await reader.refresh()
        assert heard == [None]

    async def test_a_crowd_asks_once(self, database: Database) -> None:
        revocations = Revocations(database, Clock(), 10)
        asked: list[str] = []
        event.listen(
            database.engine.sync_engine,
            "before_cursor_execute",
            lambda *args: asked.append(args[2]),
        )
        await asyncio.gather(*(revocations.refresh() for _ in range(200)))
        assert len([each for each in asked if "backoffice_revocation" in each]) == 1

    async def test_no_question_outlives_the_run(self, database: Database) -> None:
        """It would hold a connection that nobody closes any more."""
        revocations = Revocations(database, Clock(), 0.25)
        async with revocations.listening():
            asker = asyncio.create_task(revocations.refresh())
            await asyncio.sleep(0)
            asker.cancel()
        assert revocations._asking is not None
        assert revocations._asking.done()


class TestRemembered:
    """The memory is bounded, and holds no text."""

    def test_those_not_used_for_longest_are_forgotten_first(self) -> None:
        memory: Remembered[str] = Remembered(2)
        now = Clock().now()
        for name in (b"one", b"two"):
            memory.put(name, name.decode(), owner=uuid.uuid4(), expires_at=None)
        assert memory.get(b"one", now) == "one"
        memory.put(b"three", "three", owner=uuid.uuid4(), expires_at=None)
        assert [memory.get(each, now) for each in (b"one", b"two", b"three")] == [
            "one",
            None,
            "three",
        ]

    def test_no_owner_pushes_out_what_others_have(self) -> None:
        memory: Remembered[str] = Remembered(50)
        ann, bob, now = uuid.uuid4(), uuid.uuid4(), Clock().now()
        memory.put(b"bob's", "bob", owner=bob, expires_at=None)
        for number in range(100):
            memory.put(bytes([number]), "ann", owner=ann, expires_at=None)
        assert memory.get(b"bob's", now) == "bob"
        kept = [number for number in range(100) if bytes([number]) in memory]
        assert kept == [95, 96, 97, 98, 99]

    def test_an_owner_is_forgotten_with_all_they_have(self) -> None:
        memory: Remembered[str] = Remembered(20)
        ann, bob = uuid.uuid4(), uuid.uuid4()
        for owner in (ann, bob):
            memory.put(owner.bytes, "x", owner=owner, expires_at=None)
        memory.put(b"another of ann's", "x", owner=ann, expires_at=None)
        memory.forget(ann)
        assert (ann.bytes in memory, bob.bytes in memory, len(memory)) == (False, True, 1)
        memory.forget(EVERYBODY)
        assert len(memory) == 0

    def test_it_gives_nothing_that_has_run_out(self) -> None:
        memory: Remembered[str] = Remembered(10)
        now = Clock().now()
        memory.put(b"one", "x", owner=uuid.uuid4(), expires_at=now + timedelta(seconds=1))
        assert memory.get(b"one", now) == "x"
        assert memory.get(b"one", now + timedelta(seconds=1)) is None
        assert len(memory) == 0
