"""Events: what happened, told to whoever asked.

`within` is for what belongs to the change: it runs in its transaction, and what it raises refuses
it. `on` is for what follows from the change: it runs once the change is committed, beside the
request, and what it raises is logged and breaks nothing.
"""

import asyncio
import inspect
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import anyio
from sqlalchemy import event as sqlalchemy_events
from sqlalchemy.orm import Session, SessionTransaction
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core.errors import SetupError
from backoffice.core.singletons import singleton

log: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Subclasses add what; no field may hold a secret."""

    #: Stable name in the audit log, such as `auth.signed_in`.
    name: ClassVar[str] = "event"


E = TypeVar("E", bound=Event)
Handler = Callable[[E], Awaitable[None]]
HandlerWithin = Callable[[E, AsyncSession], Awaitable[None]]
# Any: a handler takes the type of event that it was registered for.
_Handlers = defaultdict[type[Event], dict[Callable[..., Awaitable[None]], None]]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How far a run waits for its handlers; spans of time in seconds."""

    #: What a handler may take for one event.
    call: float = 60.0
    #: What the end of the run waits for events that were not heard yet.
    closing: float = 10.0
    #: What a handler that is stopped may take to clean up.
    stopping: float = 1.0
    #: How many events may wait for one handler; it misses those that come then.
    events: int = 10_000


class Listeners:
    """Handlers declared on an object that the user owns, such as `auth.on(SignedIn)`."""

    def __init__(self) -> None:
        self._on: _Handlers = defaultdict(dict)
        self._within: _Handlers = defaultdict(dict)

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Call the decorated coroutine after each event of that type, or of a subtype.

        It gets the event, once the change is committed; one event at a time, in the order of the
        commits; each event once, however often it was registered. What it raises is logged, and
        after a minute it is stopped; other handlers do not wait for it. A process that is killed
        in between does not call it.
        """
        handlers = self._on[_checked(event)]

        def register(handler: Handler[E]) -> Handler[E]:
            handlers[handler] = None
            return handler

        return register

    def within(self, event: type[E]) -> Callable[[HandlerWithin[E]], HandlerWithin[E]]:
        """Call the decorated coroutine within the transaction of each event of that type.

        It gets the event and the session of the change, before the commit: what it adds is
        committed or rolled back with the change, and what it raises refuses the change.
        """
        handlers = self._within[_checked(event)]

        def register(handler: HandlerWithin[E]) -> HandlerWithin[E]:
            handlers[handler] = None
            return handler

        return register

    def after(self, event: Event) -> Iterator[Callable[..., Awaitable[None]]]:
        """The handlers to call after this event."""
        return _for(self._on, event)

    def inside(self, event: Event) -> Iterator[Callable[..., Awaitable[None]]]:
        """The handlers to call within this event's transaction."""
        return _for(self._within, event)


def _checked(event: type[E]) -> type[E]:
    if not (inspect.isclass(event) and issubclass(event, Event)):
        raise SetupError(f"{event!r} is no type of event; write @auth.on(SignedIn)")
    return event


def _for(handlers: _Handlers, event: Event) -> Iterator[Callable[..., Awaitable[None]]]:
    for kind in type(event).__mro__:
        yield from handlers.get(kind, ())


class _Listener:
    """One handler, in one run: what it has yet to hear, and the task that tells it.

    Each has a queue of its own: one that hangs delays nobody else.
    """

    def __init__(
        self, handler: Callable[..., Awaitable[None]], patience: Patience, context: Context
    ) -> None:
        self._handler = handler
        self._patience = patience
        self._context = context
        self._name: str = getattr(handler, "__qualname__", repr(handler))
        self._waiting: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None
        self._missing = False

    @property
    def busy(self) -> bool:
        """Whether the handler has something to hear yet."""
        return self._task is not None and not self._task.done()

    def tell(self, event: Event) -> None:
        """Have the handler called, once it is done with what came before."""
        if len(self._waiting) >= self._patience.events:
            if not self._missing:
                log.error("%s is %d events behind and misses more", self._name, len(self._waiting))
            self._missing = True
            return
        self._waiting.append(event)
        if not self.busy:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._tell_all(), context=self._context.copy())

    async def idle(self) -> None:
        """Return once the handler has heard everything."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def stop(self) -> None:
        """Drop what the handler has not heard."""
        if self._task is not None and self._task.cancel():
            left = len(self._waiting) + 1
            self._waiting.clear()
            log.error("%s did not hear %d events before the end", self._name, left)

    async def _tell_all(self) -> None:
        while self._waiting:
            await self._tell(self._waiting.popleft())
        self._missing = False

    async def _tell(self, event: Event) -> None:
        # In a task of its own: a handler may be cancelled, by itself or by what it awaits.
        call, longest = asyncio.create_task(self._called(event)), self._patience.call
        try:
            await asyncio.wait({call}, timeout=longest)
            if not call.done():
                log.error("%s was stopped after %g s with %s", self._name, longest, event.name)
            elif call.cancelled():
                log.error("%s was cancelled with %s", self._name, event.name)
        finally:
            if call.cancel():
                await asyncio.wait({call}, timeout=self._patience.stopping)

    async def _called(self, event: Event) -> None:
        try:
            await self._handler(event)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException:
            # SystemExit too: a listener that calls sys.exit() does not end the server.
            log.exception("a listener of %s failed: %s", event.name, self._name)


class Events(Listeners):
    """The running app's events: its own handlers and those of attached listeners."""

    def __init__(self, patience: Patience | None = None) -> None:
        super().__init__()
        self._patience = patience or Patience()
        self._attached: list[Listeners] = []
        self._listeners: dict[Callable[..., Awaitable[None]], _Listener] = {}
        # Not the context of whoever commits: its overrides and its request are not the listener's.
        self._context = copy_context()
        self._closed = False

    def attach(self, listeners: Listeners) -> None:
        """Tell these listeners too, for the rest of the run."""
        if listeners not in self._attached:
            self._attached.append(listeners)

    async def emit(self, event: Event, session: AsyncSession) -> None:
        """Tell the handlers within the session's transaction, and the others once it commits."""
        if not session.in_transaction():
            await session.begin()  # else no rollback could take the event back
        inside = (each for listeners in self._all() for each in listeners.inside(event))
        for handler in dict.fromkeys(inside):
            await handler(event, session)
        self._after_commit(event, session.sync_session)

    def announce(self, event: Event) -> None:
        """Tell the handlers of what is no change of the database: those of `on`, at once.

        Handlers `within` are not told: there is no transaction that they could refuse.
        """
        self._tell(event)

    async def delivered(self) -> None:
        """Return once all handlers have heard what was committed, and what came of that.

        For tests, and before the app ends. A handler that waits for this waits for itself.
        """
        while busy := [each for each in self._listeners.values() if each.busy]:
            await asyncio.gather(*(each.idle() for each in busy))

    async def settle(self) -> None:
        """Deliver what was committed, as far as patience goes, and drop the rest."""
        try:
            with anyio.move_on_after(self._patience.closing):
                await self.delivered()
        finally:
            await self._stop()

    async def close(self) -> None:
        """The same, and take no more events."""
        try:
            await self.settle()
        finally:
            self._closed = True
            await self._stop()

    async def _stop(self) -> None:
        late = [each for each in self._listeners.values() if each.busy]
        for each in late:  # all of them, before anything is awaited that may be cancelled
            each.stop()
        for each in late:
            await each.idle()

    def _all(self) -> Iterable[Listeners]:
        return (self, *self._attached)

    def _after_commit(self, event: Event, session: Session) -> None:
        pending: list[tuple[set[SessionTransaction], Event]] | None = session.info.get(self)
        if pending is None:
            pending = session.info[self] = []
            sqlalchemy_events.listen(session, "after_commit", self._committed)
            sqlalchemy_events.listen(session, "after_soft_rollback", self._rolled_back)
        pending.append((transactions_around(session), event))

    def _committed(self, session: Session) -> None:
        # A savepoint that is released is committed only with the transaction around it.
        if session.in_nested_transaction():
            return
        # A session that was closed, and is used again, has those of what it never committed.
        whole = session.get_transaction()
        committed = [event for around, event in session.info[self] if whole in around]
        session.info[self].clear()
        for event in committed:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if self._closed:
            log.error("%s was committed after the end of the run: nobody is told", event.name)
            return
        for handler in dict.fromkeys(each for one in self._all() for each in one.after(event)):
            if handler not in self._listeners:
                listener = _Listener(handler, self._patience, self._context)
                self._listeners[handler] = listener
            self._listeners[handler].tell(event)

    def _rolled_back(self, session: Session, ended: SessionTransaction) -> None:
        pending = session.info[self]
        pending[:] = [each for each in pending if ended not in each[0]]


def transactions_around(session: Session) -> set[SessionTransaction]:
    """The transactions that must all be committed for a change made now to stay."""
    found, transaction = set(), session.get_nested_transaction() or session.get_transaction()
    while transaction is not None:
        found.add(transaction)
        transaction = transaction.parent
    return found


@singleton
async def events() -> AsyncIterator[Events]:
    """The events of this run of the app; the last ones are delivered before it ends."""
    found = Events()
    try:
        yield found
    finally:
        await found.close()


@events.ending
async def _settled(events: Events) -> None:
    # Handlers use what they like, such as the database, which may have opened after the events.
    await events.settle()
