"""Events: what happened, told to whoever asked, in the transaction in which it happened."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core.singletons import singleton


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Subclasses add what; no field may hold a secret."""

    #: Stable name in the audit log, such as `auth.signed_in`.
    name: ClassVar[str] = "event"


EventType = TypeVar("EventType", bound=Event)
Handler = Callable[[EventType, AsyncSession], Awaitable[None]]


class Listeners:
    """Handlers declared on an object that the user owns, such as `auth.on(SignedIn)`."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[Handler[Any]]] = defaultdict(list)

    def on(self, event: type[EventType]) -> Callable[[Handler[EventType]], Handler[EventType]]:
        """Call the decorated coroutine for each event of that type and of its subtypes.

        It gets the event and the session of the change, and runs before the commit: what it
        adds is committed or rolled back with the change, and what it raises refuses the change.
        """

        def register(handler: Handler[EventType]) -> Handler[EventType]:
            self._handlers[event].append(handler)
            return handler

        return register

    def handlers(self, event: Event) -> list[Handler[Any]]:
        """The handlers for this event, those of its ancestors last."""
        return [handler for kind in type(event).__mro__ for handler in self._handlers.get(kind, ())]


class Events(Listeners):
    """The running app's events: its own handlers and those of attached listeners."""

    def __init__(self) -> None:
        super().__init__()
        self._attached: list[Listeners] = []

    def attach(self, listeners: Listeners) -> None:
        """Tell these listeners too, for the rest of the run."""
        if listeners not in self._attached:
            self._attached.append(listeners)

    async def emit(self, event: Event, session: AsyncSession) -> None:
        """Tell every handler, in the session's open transaction."""
        for listeners in (self, *self._attached):
            for handler in listeners.handlers(event):
                await handler(event, session)


@singleton
def events() -> Events:
    """The events of this run of the app."""
    return Events()
