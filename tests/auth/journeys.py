"""What people do with their accounts, in a process that ends with SIGKILL at a moment given.

A moment is one more statement, or one more commit, that the journey has the database do.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import argon2
from sqlalchemy import event
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.link_requests import LinkRequests
from backoffice.auth.links import Purpose
from backoffice.auth.models import ApiKey, AuditEntry, LinkToken, User, UserSession
from backoffice.auth.services import Services
from backoffice.auth.sessions import TOKEN, Client
from backoffice.core.mail.models import OutgoingMail
from tests.auth.conftest import PASSWORD, House, built

NEW_PASSWORD = "quite another phrase"
HERE = Client("203.0.113.7", "203.0.113.7")

#: Of PASSWORD; made once, for it takes its time.
HASH = argon2.PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1).hash(PASSWORD)

State = dict[str, Any]
_counted: ContextVar[bool] = ContextVar("counted", default=False)


@dataclass
class Moments:
    """Counts them, and kills the process at one."""

    last: int | None = None
    count: int = field(default=0)

    def pass_one(self, *_: object) -> None:
        if not _counted.get():
            return
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


@dataclass
class Somebody:
    """Whose journey it is."""

    services: Services
    email: str
    #: Whose account it is, once there is one.
    user: User | None = None
    token: str = ""
    key: ApiKey | None = None

    @property
    def new_email(self) -> str:
        return f"new-{self.email}"

    @property
    def known_as(self) -> str | None:
        return None if self.user is None else str(self.user.id)

    @property
    def id(self) -> Any:
        assert self.user is not None
        return self.user.id

    async def settled(self) -> None:
        """Has an account with a session and a key."""
        services, now = self.services, self.services.clock.now()
        async with services.database.session() as session:
            self.user = await services.users.table(session).create(
                {"email": self.email, "hashed_password": HASH, "created_at": now}
                | {"password_changed_at": now}
            )
            session.add(services.sessions.opened(self.user, TOKEN, HERE))
            await session.commit()
        self.key, _ = await services.keys.create(self.user, "ci", scopes=None, actor="test")

    async def sent(self, purpose: Purpose, email: str) -> None:
        """Has a link in a mail."""
        await self.settled()
        assert self.user is not None
        async with self.services.database.session() as session:
            link = await self.services.links.make(session, self.user, purpose, email)
            await session.commit()
        self.token = link.partition("token=")[2]


async def registers(one: Somebody) -> None:
    await one.services.users.register(one.email, PASSWORD, HERE)
    await one.services.requests.answer()


async def confirms(one: Somebody) -> None:
    await one.services.recovery.verify(one.token, HERE)


async def resets(one: Somebody) -> None:
    await one.services.recovery.reset(one.token, NEW_PASSWORD, HERE)


async def asks_for_another_address(one: Somebody) -> None:
    await one.services.recovery.request_address(one.id, PASSWORD, one.new_email, HERE)
    await one.services.requests.answer()


async def leaves(one: Somebody) -> None:
    await one.services.users.leave(one.id, PASSWORD, HERE)


async def changes_the_password(one: Somebody) -> None:
    users = one.services.users
    await users.change_password(one.id, PASSWORD, NEW_PASSWORD, keep=None, client=HERE)


async def rotates_a_key(one: Somebody) -> None:
    assert one.key is not None
    await one.services.keys.rotate(one.key.id, overlap=timedelta(hours=1), actor="test")


async def _nothing(_: Somebody) -> None: ...


def _sent(purpose: Purpose) -> Callable[[Somebody], Awaitable[None]]:
    async def sent(one: Somebody) -> None:
        await one.sent(purpose, one.new_email if purpose == "address" else one.email)

    return sent


#: What comes before, and what is done.
JOURNEYS: dict[str, tuple[Callable[[Somebody], Awaitable[None]], ...]] = {
    "verify": (_sent("verify"), confirms),
    "reset": (_sent("reset"), resets),
    "ask": (Somebody.settled, asks_for_another_address),
    "address": (_sent("address"), confirms),
    "leave": (Somebody.settled, leaves),
    "password": (Somebody.settled, changes_the_password),
    "key": (Somebody.settled, rotates_a_key),
    "register": (_nothing, registers),
}


def travel(house: House, journey: str, email: str, moment: int | None) -> None:
    """Tell the state before, and then, if it gets there, how many moments there were."""
    with house:
        services, moments = house.services, Moments(moment)
        before, work = JOURNEYS[journey]
        one = Somebody(services, email)
        house.call(before(one))
        # What somebody who was killed had asked for is answered now, and is not counted.
        house.call(services.requests.answer())
        _tell({"id": one.known_as, "state": house.call(state(services, email, one.known_as))})
        engine = services.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", moments.pass_one)
        event.listen(engine, "commit", moments.pass_one)
        house.call(_counting(work(one)))
        _tell({"took": moments.count})


def resume(house: House, travellers: list[tuple[str, str | None]]) -> None:
    """Tell how everybody stands once a process has taken up what was left, and of the chain."""
    with house:
        services = house.services
        house.call(services.requests.answer())
        found = [house.call(state(services, email, id)) for email, id in travellers]
        _tell({"states": found, "faults": house.call(services.audit.verified()).faults})


async def state(services: Services, email: str, known_as: str | None) -> State:
    """What there is of somebody, who is known by the address and, if they had one, by the key."""
    async with services.database.session() as session:
        id = None if known_as is None else uuid.UUID(known_as)
        which = User.email == email if id is None else User.id == id
        user = (await session.exec(select(User).where(which))).one_or_none()
        found: State = {"mail": await _mail(session, email)}
        id = user.id if user is not None else id
        about = col(AuditEntry.subject) == f"user:{id}"
        entries = await session.exec(select(AuditEntry.event).where(about))
        found["told"] = sorted(entries.all())
        if user is None:
            return found
        sessions = await session.exec(select(UserSession).where(UserSession.user_id == id))
        links = await session.exec(select(LinkToken.purpose).where(LinkToken.user_id == id))
        keys = (await session.exec(select(ApiKey).where(ApiKey.user_id == id))).all()
        return found | {
            "address": user.email.removesuffix(email),
            "verified": user.is_verified,
            "old password": user.hashed_password == HASH,
            "sessions": sorted(each.ended_at is None for each in sessions.all()),
            "links": sorted(links.all()),
            "keys": sorted((each.revoked_at is None, each.expires_at is None) for each in keys),
        }


async def _mail(session: AsyncSession, email: str) -> list[str]:
    to = col(OutgoingMail.recipient).in_([email, f"new-{email}"])
    found = await session.exec(select(OutgoingMail.template).where(to))
    return sorted(found.all())


async def _counting(work: Awaitable[None]) -> None:
    _counted.set(True)
    await work


async def _idle(_: LinkRequests) -> None:
    await asyncio.Event().wait()


def _tell(what: object) -> None:
    print(json.dumps(what), flush=True)


def _obey(house: House, order: dict[str, Any]) -> None:
    """In a process of its own, which has everything loaded as soon as it is there."""
    if not (child := os.fork()):
        try:
            (travel if order.pop("do") == "travel" else resume)(house, **order)
        except BaseException:  # noqa: BLE001 - whatever it is, the loop is not this process's
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _tell({"ended": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])})


def _warm_up() -> None:
    """What is loaded and made at its first use, others find there."""
    with built() as house:
        one = Somebody(house.services, "nobody@example.com")
        house.call(one.sent("reset", one.email))
        house.call(resets(one))
        house.call(registers(one))
        house.call(state(house.services, one.email, one.known_as))


def main() -> None:
    """Do what stdin says, a line of JSON at a time, and tell of it on stdout."""
    # What is asked for is answered where the journey says so, and counted with it.
    LinkRequests._work = _idle  # type: ignore[method-assign, assignment]
    _warm_up()
    house = built()
    for line in sys.stdin:
        _obey(house, json.loads(line))


if __name__ == "__main__":
    main()
