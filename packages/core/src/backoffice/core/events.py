"""Events: what happened, told to whoever asked.

`within` is for what belongs to the change: it runs in its transaction, and what it raises refuses
it. `on` is for what follows from the change: it runs once the change is committed, beside the
request, and what it raises is logged and breaks nothing.
"""

import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import anyio
from sqlalchemy import event as sqlalchemy_events
from sqlalchemy.orm import Session, SessionTransaction
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core.singletons import singleton

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Subclasses add what; no field may hold a secret."""

    #: Stable name in the audit log, such as `auth.signed_in`.
    name: ClassVar[str] = "event"


E = TypeVar("E", bound=Event)
Handler = Callable[[E], Awaitable[None]]
HandlerWithin = Callable[[E, AsyncSession], Awaitable[None]]
_Handlers = dict[type[Event], list[Callable[..., Awaitable[None]]]]


class Listeners:
    """Handlers declared on an object that the user owns, such as `auth.on(SignedIn)`."""

    def __init__(self) -> None:
        self._on: _Handlers = defaultdict(list)
        self._within: _Handlers = defaultdict(list)

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Call the decorated coroutine after each event of that type, or of a subtype.

        It gets the event, once the change is committed, in the order of the commits. What it
        raises is logged. A process that is killed in between does not call it.
        """

        def register(handler: Handler[E]) -> Handler[E]:
            self._on[event].append(handler)
            return handler

        return register

    def within(self, event: type[E]) -> Callable[[HandlerWithin[E]], HandlerWithin[E]]:
        """Call the decorated coroutine within the transaction of each event of that type.

        It gets the event and the session of the change, before the commit: what it adds is
        committed or rolled back with the change, and what it raises refuses the change.
        """

        def register(handler: HandlerWithin[E]) -> HandlerWithin[E]:
            self._within[event].append(handler)
            return handler

        return register

    def after(self, event: Event) -> Iterator[Callable[..., Awaitable[None]]]:
        """The handlers to call after this event."""
        return _for(self._on, event)

    def inside(self, event: Event) -> Iterator[Callable[..., Awaitable[None]]]:
        """The handlers to call within this event's transaction."""
        return _for(self._within, event)


def _for(handlers: _Handlers, event: Event) -> Iterator[Callable[..., Awaitable[None]]]:
    for kind in type(event).__mro__:
        yield from handlers.get(kind, ())


class Events(Listeners):
    """The running app's events: its own handlers and those of attached listeners."""

    def __init__(self) -> None:
        super().__init__()
        self._attached: list[Listeners] = []
        self._committed_events: deque[Event] = deque()
        self._news = anyio.Event()
        self._closed = False

    def attach(self, listeners: Listeners) -> None:
        """Tell these listeners too, for the rest of the run."""
        if listeners not in self._attached:
            self._attached.append(listeners)

    async def emit(self, event: Event, session: AsyncSession) -> None:
        """Tell the handlers within the session's transaction, and the others once it commits."""
        for listeners in (self, *self._attached):
            for handler in listeners.inside(event):
                await handler(event, session)
        self._after_commit(event, session.sync_session)

    async def deliver(self) -> None:
        """Call the handlers of committed events, one event at a time, until closed."""
        while True:
            while self._committed_events:
                event = self._committed_events.popleft()
                for listeners in (self, *self._attached):
                    for handler in listeners.after(event):
                        await _survive(handler, event)
            if self._closed:
                return
            await self._news.wait()
            self._news = anyio.Event()

    def close(self) -> None:
        """Take no more events; those that were committed are still delivered."""
        self._closed = True
        self._news.set()

    def _after_commit(self, event: Event, session: Session) -> None:
        pending: list[tuple[set[SessionTransaction], Event]] | None = session.info.get(self)
        if pending is None:
            pending = session.info[self] = []
            sqlalchemy_events.listen(session, "after_commit", self._committed)
            sqlalchemy_events.listen(session, "after_soft_rollback", self._rolled_back)
        pending.append((set(_around(session)), event))

    def _committed(self, session: Session) -> None:
        # A savepoint that is released is committed only with the transaction around it.
        if session.in_nested_transaction():
            return
        self._committed_events.extend(event for _, event in session.info[self])
        session.info[self].clear()
        self._news.set()

    def _rolled_back(self, session: Session, ended: SessionTransaction) -> None:
        pending = session.info[self]
        pending[:] = [each for each in pending if ended not in each[0]]


def _around(session: Session) -> Iterator[SessionTransaction]:
    """The transactions that must all be committed for a change made now to stay."""
    transaction = session.get_nested_transaction() or session.get_transaction()
    while transaction is not None:
        yield transaction
        transaction = transaction.parent


async def _survive(handler: Callable[..., Awaitable[None]], event: Event) -> None:
    try:
        await handler(event)
    except Exception:
        log.exception("a listener of %s failed", event.name)


@singleton
async def events() -> AsyncIterator[Events]:
    """The events of this run of the app; the last ones are delivered before it ends."""
    found = Events()
    async with anyio.create_task_group() as group:
        group.start_soon(found.deliver)
        try:
            yield found
        finally:
            found.close()
