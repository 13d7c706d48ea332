"""Passwords: judged when they are new, hashed off the event loop, verified at one cost for all."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi_users.password import PasswordHelperProtocol

from backoffice.auth.breached_passwords import BreachedPasswords, opened_breaches
from backoffice.auth.password_hashes import (
    MAX_LENGTH,
    Verdict,
    judged,
    made,
    normalised,
    prepare,
)
from backoffice.auth.password_pace import PasswordPace
from backoffice.auth.password_policy import breached, refuse_weak
from backoffice.auth.password_threads import PasswordThreads
from backoffice.auth.settings import AuthSettings
from backoffice.core import Database, Events

__all__ = ["MAX_LENGTH", "Passwords", "normalised", "opened_passwords"]

log: logging.Logger = logging.getLogger(__name__)


class Passwords(PasswordHelperProtocol):
    """Judges, hashes and verifies passwords; `at_once` at a time, as PasswordThreads has it."""

    def __init__(
        self,
        min_length: int = 8,
        *,
        at_once: int | None = None,
        breaches: BreachedPasswords | None = None,
    ) -> None:
        self._min_length = min_length
        self._breaches = breaches
        self._threads = PasswordThreads(at_once)
        self._pace = PasswordPace()
        prepare()

    async def check(self, password: str, about: Iterable[str] = ()) -> None:
        """Refuse a new password that will not do: InvalidInput `weak_password`, with a `reason`.

        `about` is what is known of its owner, as `personal` of password_policy finds it.
        """
        refuse_weak(password, self._min_length, about)
        if self._breaches is not None and (
            times := await self._breaches.times(normalised(password))
        ):
            raise breached(times)

    async def hashed(self, password: str) -> str:
        """The argon2id hash, made off the event loop; Unavailable `busy` if too many wait."""
        return await self._threads.run(lambda: self.hash(password))

    async def verified(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether the password is right, and a better hash if the stored one is outdated.

        `stored` is None for a user that does not exist: it takes the same time and is False.
        Unavailable `busy` if too many wait.
        """
        found = self._noted(await self._threads.run(lambda: self._verify(password, stored)))
        if not found.right:
            await asyncio.sleep(self._pace.behind(found.run))
        return found.right, found.better

    def hash(self, password: str) -> str:
        """The argon2id hash, made here and now; `hashed` does not block the event loop."""
        return made(password)

    def verify_and_update(
        self, plain_password: str, hashed_password: str
    ) -> tuple[bool, str | None]:
        """`verified`, here and now; the form that fastapi-users asks for."""
        found = self._noted(self._verify(plain_password, hashed_password))
        return found.right, found.better

    def generate(self) -> str:
        """A password that nobody has to remember, of 144 bits."""
        return secrets.token_urlsafe(18)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()

    def _verify(self, password: str, stored: str | None) -> Verdict:
        return judged(password, stored)

    def _noted(self, found: Verdict) -> Verdict:
        self._pace.note(found.run)
        if found.fault:
            log.warning("a stored hash of a password cannot be used: %s", found.fault)
        return found


@asynccontextmanager
async def opened_passwords(
    settings: AuthSettings, database: Database, events: Events
) -> AsyncIterator[Passwords]:
    """The passwords of a run; their threads end with it."""
    async with opened_breaches(settings.breached_passwords_url, database, events) as breaches:
        passwords = Passwords(
            settings.password_min_length, at_once=settings.passwords_at_once, breaches=breaches
        )
        try:
            yield passwords
        finally:
            passwords.close()
