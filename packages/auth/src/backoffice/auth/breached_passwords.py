"""Whether a password has come out in a theft of data, asked so that nobody learns the password.

The protocol is that of Have I Been Pwned, which may also be served at home: the first five of the
forty hexadecimal digits of the password's SHA-1 leave, and the service answers with all that begin
so (k-anonymity), filled up so that the length of the answer tells nothing either.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from backoffice.auth.events import BreachesUnanswered
from backoffice.core import Database, Events, SetupError

if TYPE_CHECKING:
    from httpx2 import AsyncClient

log: logging.Logger = logging.getLogger(__name__)

#: What a question may take in all, in seconds: somebody waits to register.
PATIENCE = 2.0
#: An answer is about 40 kB; no more than this is read of one.
LONGEST_ANSWER = 1 << 20
PREFIX = 5
LONGEST_BASE = 2000


class BreachedPasswords:
    """Asks the service at `base`. If it does not answer, nobody is refused, and an event tells."""

    def __init__(
        self, base: str, client: "AsyncClient", database: Database, events: Events
    ) -> None:
        self._base = base.rstrip("/")
        self._client = client
        self._database = database
        self._events = events
        self._telling: set[asyncio.Task[None]] = set()

    async def times(self, password: str) -> int:
        """How often the password has come out; 0 also if nobody can say."""
        # By the protocol, and no secret is kept by it.
        digest = sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            async with asyncio.timeout(PATIENCE):
                return _times(await self._answer(digest[:PREFIX]), digest[PREFIX:])
        # Whatever the network, TLS, a proxy or the service do.
        except Exception as error:  # noqa: BLE001
            self._unanswered(type(error).__name__)
            return 0

    async def told(self) -> None:
        """Return once each event is in the audit log."""
        await asyncio.gather(*self._telling)

    async def _answer(self, prefix: str) -> str:
        async with self._client.stream("GET", f"{self._base}/{prefix}") as response:
            response.raise_for_status()
            text = bytearray()
            async for piece in response.aiter_bytes():
                text += piece
                if len(text) > LONGEST_ANSWER:
                    raise ValueError("the answer is too long")
        return text.decode("ascii")

    def _unanswered(self, reason: str) -> None:
        log.warning("a new password was not looked up among stolen ones: %s", reason)
        # In a transaction of its own, which waits for nobody: the change may be rolled back, and
        # on SQLite it may hold the database.
        task = asyncio.get_running_loop().create_task(self._tell(reason))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, reason: str) -> None:
        try:
            async with self._database.session() as session:
                await self._events.emit(BreachesUnanswered(reason=reason), session)
                await session.commit()
        except Exception:
            log.exception("that a password was not looked up could not be noted")


def written_base(value: str) -> str:
    """The address of the service, as a setting; ValueError if it is none."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
        usable = usable and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        usable = False
    if not usable or len(value) > LONGEST_BASE:
        raise ValueError("should be as https://api.pwnedpasswords.com/range")
    return value


def _times(answer: str, rest: str) -> int:
    for line in answer.splitlines():
        suffix, separator, count = line.partition(":")
        if not separator:
            raise ValueError("this is no list of digests")
        if suffix.strip().upper() == rest:
            return int(count)  # lines that only fill up have 0
    return 0


@asynccontextmanager
async def opened_breaches(
    base: str | None, database: Database, events: Events
) -> AsyncIterator[BreachedPasswords | None]:
    """The client for the run; None without a base address. Ends once all is told."""
    if base is None:
        yield None
        return
    try:
        from httpx2 import AsyncClient
    except ImportError:
        raise SetupError(
            "BACKOFFICE_AUTH__BREACHED_PASSWORDS_URL is set, and httpx2 is not installed: "
            "pip install 'fastapi-backoffice-auth[breached]'"
        ) from None
    headers = {"Add-Padding": "true", "User-Agent": "fastapi-backoffice"}
    async with AsyncClient(headers=headers, timeout=PATIENCE) as client:
        found = BreachedPasswords(base, client, database, events)
        try:
            yield found
        finally:
            await found.told()
