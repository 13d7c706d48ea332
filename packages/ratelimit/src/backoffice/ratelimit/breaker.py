"""While a server does not answer, nobody waits for it: one task alone asks whether it is back."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from redis.exceptions import AuthenticationError, MovedError, ResponseError

from backoffice.core import Unavailable

log = logging.getLogger(__name__)

#: Seconds before the first question, and at most before each further one.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0


def unavailable(cause: BaseException | None = None) -> Unavailable:
    """What a request is told that could not be checked; `cause` is for the operator."""
    error = Unavailable(
        "Rate limits cannot be checked right now; try again in a moment.",
        code="limits_unavailable",
        headers={"Retry-After": "5", "Cache-Control": "no-store"},
    )
    error.__cause__ = cause
    return error


def diagnosis(error: BaseException) -> str:
    """What is wrong with Redis, for an operator; holds no secret."""
    if isinstance(error, AuthenticationError):
        return f"the user or password in BACKOFFICE_REDIS_URL is wrong ({error})"
    if isinstance(error, ResponseError) and "DB index" in str(error):
        return f"the database number in BACKOFFICE_REDIS_URL is wrong ({error})"
    if isinstance(error, MovedError):
        return "BACKOFFICE_REDIS_URL names a server of a Cluster; write redis+cluster://host:6379"
    return f"{type(error).__name__}: {error}"


class Breaker:
    """Opens at the first failure; `probe` alone closes it, or an answer that came late.

    `probe` raises as long as the server does not answer.
    """

    def __init__(self, probe: Callable[[], Awaitable[None]]) -> None:
        #: Why it is open; None while it is closed.
        self.error: BaseException | None = None
        self._probe = probe
        self._probing: asyncio.Task[None] | None = None
        self._pause = FIRST_PAUSE
        self._refusal = ""

    def open(self, error: BaseException) -> None:
        """Let no request through until the server answers."""
        if self.error is None:
            log.error("limits: Redis does not answer (%s)", diagnosis(error))
            self._probing = asyncio.create_task(self._probe_until_it_answers())
        self.error = error

    def answered(self) -> None:
        """A request was answered."""
        self._pause = FIRST_PAUSE
        self._refusal = ""
        if self.error is not None:
            if self._probing is not None:
                self._probing.cancel()
            self._close()

    def refused(self, error: BaseException) -> None:
        """A request was answered by an error of its own: Redis is there, and opens nothing."""
        if str(error) != self._refusal:
            self._refusal = str(error)
            log.error("limits: Redis refuses a check (%s)", diagnosis(error))

    async def stop(self) -> None:
        """End the questions."""
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing

    async def _probe_until_it_answers(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            # Shortened again by a request that is answered, not by the probe: a server that
            # answers PING and nothing else would be asked ten times a second.
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            try:
                await self._probe()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next question must come
                self.error = error
            else:
                return self._close()

    def _close(self) -> None:
        self.error = None
        log.warning("limits: Redis answers again")
