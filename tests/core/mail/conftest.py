"""An outbox on both databases, and workers on it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import anyio
import pytest
from sqlmodel import select

from backoffice.core import Database, Mailer, MailUnavailable, Message
from backoffice.core.mail import MailSettings, MailWorker, Memory, Outbox, OutgoingMail, Templates
from backoffice.core.mail.backends import Backend
from backoffice.core.mail.claims import Claims
from backoffice.core.mail.messages import Letter
from backoffice.core.testing import ManualClock
from backoffice.migrations import upgrade
from tests.services.databases import Prepare

LINK = "https://shop.example.org/reset?token=canary-4711"


def message(number: int = 0, **fields: Any) -> Message:
    told: dict[str, Any] = {"to": f"user{number}@example.org", "subject": "Hello", "text": LINK}
    return Message(**(told | fields))


async def eventually(holds: Callable[[], object], *, seconds: float = 60) -> None:
    """Return once it holds; TimeoutError where that takes longer."""
    with anyio.fail_after(seconds):
        while not holds():  # noqa: ASYNC110 - it is the database and the network that are awaited
            await anyio.sleep(0.005)


class Post:
    """An outbox, what is sent from it into memory, and time that stands still."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.memory = Memory()
        self.outbox = Outbox(database, Templates(site="Shop"), self.clock)

    @property
    def sent(self) -> list[Message]:
        return [*self.memory.sent]

    async def add(self, *messages: Message, **options: Any) -> None:
        async with self.database.session() as session:
            for each in messages:
                await self.outbox.add(session, each, **options)
            await session.commit()

    async def rows(self) -> Sequence[OutgoingMail]:
        async with self.database.session() as session:
            return (await session.exec(select(OutgoingMail))).all()

    async def row(self) -> OutgoingMail:
        (found,) = await self.rows()
        return found

    def worker(self, backend: Backend | None = None, **settings: Any) -> MailWorker:
        """One of a process of its own, but for the clock."""
        mailer = Mailer(backend or self.memory, clock=self.clock)
        return MailWorker(Claims(self.database), mailer, MailSettings(**settings), self.clock)


class Away(Memory):
    """A way out that fails for some: by their address, or for all."""

    def __init__(self, *only: str, error: Exception | None = None) -> None:
        super().__init__()
        self._only = only
        self._error = error or MailUnavailable("the server cannot be reached")
        self.tried: Counter[str] = Counter()

    async def deliver(self, letter: Letter) -> None:
        self.tried[letter.recipient] += 1
        if not self._only or letter.recipient in self._only:
            raise self._error
        await super().deliver(letter)


class Slow(Memory):
    """Takes its time; counts how many letters it has in hand."""

    def __init__(self, seconds: float = 0.005) -> None:
        super().__init__()
        self._seconds = seconds
        self.most = self._now = 0

    async def deliver(self, letter: Letter) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        await anyio.sleep(self._seconds)
        await super().deliver(letter)
        self._now -= 1


class Hanging(Memory):
    """Never comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = anyio.Event()

    async def deliver(self, letter: Letter) -> None:
        self.reached.set()
        await anyio.sleep_forever()


@pytest.fixture
def outbox_url(database_from_template: Callable[[str, Prepare], str]) -> str:
    """A migrated database."""

    def prepare(url: str) -> None:
        upgrade(url)

    return database_from_template("outbox", prepare)


@pytest.fixture
async def post(outbox_url: str, anyio_backend: str) -> AsyncIterator[Post]:
    database = Database(outbox_url)
    yield Post(database)
    await database.close()
