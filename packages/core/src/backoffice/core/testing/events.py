"""What an app has committed, as a test sees it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar, overload

from backoffice.core.events import Event, Events, Listeners

if TYPE_CHECKING:
    from backoffice.core.testing.apps import RunningApp

E = TypeVar("E", bound=Event)


class CapturedEvents(Sequence[Event]):
    """The events that a running app has committed, in the order of the commits.

    Whoever looks at them waits until every listener has heard what was committed before.
    """

    def __init__(self, app: "RunningApp", events: Events | None) -> None:
        self._app = app
        self._events = events
        self._heard: list[Event] = []
        if events is not None:
            listeners = Listeners()
            listeners.on(Event)(self._hear)
            events.attach(listeners)

    def of(self, kind: type[E]) -> list[E]:
        """Those of that type, or of a subtype."""
        return [each for each in self if isinstance(each, kind)]

    def clear(self) -> None:
        """Forget what was committed before."""
        self._delivered().clear()

    def __iter__(self) -> Iterator[Event]:
        return iter(list(self._delivered()))

    def __len__(self) -> int:
        return len(self._delivered())

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        return self._delivered()[index]

    def __repr__(self) -> str:
        # Of what was heard so far: a failed test's report must not wait, nor ask an ended app.
        return f"<CapturedEvents {self._heard}>"

    async def _hear(self, event: Event) -> None:
        self._heard.append(event)

    def _delivered(self) -> list[Event]:
        if self._events is not None:
            self._app.call(self._events.delivered())
        return self._heard
