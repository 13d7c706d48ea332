"""A context manager held open in a task of its own."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import Context
from typing import Any, Generic, TypeVar, cast

import anyio

from backoffice.core.errors import SingletonError

T = TypeVar("T")

log: logging.Logger = logging.getLogger(__name__)

#: An opening or a closing that takes longer is named in the log, while it lasts; seconds.
SLOW = 10.0


class Held(Generic[T]):
    """Whoever asks for it to open or close may be gone before it is: a request, a fixture.

    So it may hold a task group: cancel scopes must be left in the task that entered them.
    """

    def __init__(
        self, name: str, manager: AbstractAsyncContextManager[T], context: Context
    ) -> None:
        loop = asyncio.get_running_loop()
        #: The value, once there is one, or why there is none.
        self.opened: asyncio.Future[T] = loop.create_future()
        #: What it ended by, where that was an error.
        self.failure: BaseException | None = None
        #: Those that use its value, and are left before it.
        self.users: list[Held[Any]] = []
        self._name = name
        self._closing = asyncio.Event()
        self.task: asyncio.Task[None] = loop.create_task(
            self._hold(manager), name=name, context=context
        )
        self.task.add_done_callback(lambda _: self._settle())

    async def close(self) -> BaseException | None:
        """Leave the context manager, or stop entering it; gives what went wrong.

        A cancellation meanwhile is passed on to what closes, and given back when it has ended.
        """
        cancelled: BaseException | None = None
        self._closing.set()
        if not self.opened.done():
            self.task.cancel()
        # A cancelled scope of the caller's would cancel this wait again and again.
        with anyio.CancelScope(shield=True), _noticed(f"{self._name} is still closing"):
            while not self.task.done():
                try:
                    await asyncio.wait({self.task})
                except asyncio.CancelledError as error:
                    cancelled = error
                    self.task.cancel()
        self._settle()  # its callback may be still to come
        failed = self.opened.exception() is None and not isinstance(
            self.failure, asyncio.CancelledError
        )
        return cancelled or (self.failure if failed else None)

    async def _hold(self, manager: AbstractAsyncContextManager[T]) -> None:
        try:
            with _noticed(f"{self._name} is still opening") as opened:
                async with manager as value:
                    opened.cancel()
                    self.opened.set_result(value)
                    await self._until_closing()
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt would stop the loop here
            self.failure = error

    async def _until_closing(self) -> None:
        try:
            await self._closing.wait()
        except asyncio.CancelledError:
            # A loop that ends cancels all its tasks at once: users are left first, as ever.
            if ending := {each.task for each in self.users if each.task.cancelling()}:
                await asyncio.wait(ending)
            raise

    def _settle(self) -> None:
        # Also where it was cancelled before its first step, which runs none of `_hold`.
        if self.opened.done():
            return
        cancelled = self.failure is None or isinstance(self.failure, asyncio.CancelledError)
        error = SingletonError(f"{self._name} was cancelled before it was open")
        self.opened.set_exception(error if cancelled else cast(BaseException, self.failure))
        self.opened.exception()  # heard, even where nobody waits any more


@contextmanager
def _noticed(what: str) -> Generator[asyncio.TimerHandle, None, None]:
    """Somebody who looks at an app that hangs finds in the log what it waits for."""
    loop = asyncio.get_running_loop()
    handle = loop.call_later(SLOW, log.warning, "%s after %g seconds", what, SLOW)
    try:
        yield handle
    finally:
        handle.cancel()
