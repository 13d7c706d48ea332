"""Passwords: hashed by argon2id in bounded threads, verified at the same cost whoever asks."""

import os
import secrets
import sys
import threading
import unicodedata
from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from fastapi_users.password import PasswordHelperProtocol
from passlib.context import CryptContext

from backoffice.core import InvalidInput

T = TypeVar("T")

MAX_LENGTH = 128
#: OWASP's first choice for argon2id, and what ASVS 11.4.2 asks for: 46 MiB, one pass, one lane.
#: One lane also keeps a sign-in from taking several cores from the requests beside it.
MEMORY_KIB, PASSES, LANES = 47_104, 1, 1
#: Added to a hashing thread's niceness on Linux: other requests come first.
NICENESS = 10

_context = CryptContext(
    schemes=["argon2"],
    argon2__type="id",
    argon2__memory_cost=MEMORY_KIB,
    argon2__time_cost=PASSES,
    argon2__parallelism=LANES,
)


class Passwords(PasswordHelperProtocol):
    """Hashes and verifies passwords; at most one at a time per core, 46 MiB each."""

    def __init__(self, min_length: int = 8) -> None:
        self._min_length = min_length
        self._threads = ThreadPoolExecutor(
            max_workers=os.cpu_count() or 1,
            thread_name_prefix="backoffice-passwords",
            initializer=_stand_back,
        )
        _decoy()  # made now, not while the first stranger waits

    def check(self, password: str, email: str = "") -> None:
        """Refuse, with the reason, a new password that is too short, too long or the address."""
        normal = normalised(password)
        if any("\ud800" <= each <= "\udfff" for each in normal):
            raise _weak("It has half a character in it, which no keyboard types.")
        if len(normal) < self._min_length:
            raise _weak(f"Use at least {self._min_length} characters; a few words do well.")
        if len(normal) > MAX_LENGTH:
            raise _weak(f"Use at most {MAX_LENGTH} characters.")
        if email and normal.casefold() in {email, email.partition("@")[0]}:
            raise _weak("Do not use your address as your password.")
        if len(set(normal)) == 1:
            raise _weak("One character, repeated, is guessed at once.")

    async def hashed(self, password: str) -> str:
        """The argon2id hash, made off the event loop."""
        return await self._off_loop(lambda: self.hash(password))

    async def verified(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether the password is right, and a better hash if the stored one is outdated.

        `stored` is None for a user that does not exist: it takes the same time and is False.
        """
        return await self._off_loop(lambda: self._verify(password, stored))

    def hash(self, password: str) -> str:
        """The argon2id hash, made here and now; `hashed` does not block the event loop."""
        return _context.hash(normalised(password))

    def verify_and_update(
        self, plain_password: str, hashed_password: str
    ) -> tuple[bool, str | None]:
        """`verified`, here and now; the form that fastapi-users asks for."""
        return self._verify(plain_password, hashed_password)

    def generate(self) -> str:
        """A password that nobody has to remember, of 144 bits."""
        return secrets.token_urlsafe(18)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        known = stored is not None and _context.identify(stored) is not None
        target = stored if known and stored is not None else _decoy()
        try:
            right, better = _context.verify_and_update(normalised(password), target)
        except ValueError:
            # A damaged hash, or a password longer than the library takes.
            return False, None
        return (right, better) if known else (False, None)

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return await get_running_loop().run_in_executor(self._threads, work)


@cache
def _decoy() -> str:
    """Verified in place of a missing user's hash, so that strangers cost the same time.

    One for the process: it takes 45 ms, which an app would wait at each start.
    """
    return _context.hash(secrets.token_urlsafe())


def normalised(password: str) -> str:
    """NFKC, so that the same password typed on two keyboards is the same (NIST 800-63B-4)."""
    return unicodedata.normalize("NFKC", password)


def _weak(message: str) -> InvalidInput:
    return InvalidInput(message, code="weak_password")


def _stand_back() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
