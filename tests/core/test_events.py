"""Events reach who asked for them, in the transaction in which they happened."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from backoffice.core import Event, Events, Listeners

NO_SESSION = cast("Any", None)


@dataclass(frozen=True, kw_only=True)
class Sold(Event):
    title: str


@pytest.mark.anyio
async def test_a_handler_hears_its_event_and_its_subtypes() -> None:
    events, listeners = Events(), Listeners()
    heard: list[str] = []

    @events.on(Sold)
    async def sold(event: Sold, _: object) -> None:
        heard.append(event.title)

    @listeners.on(Event)
    async def anything(event: Event, _: object) -> None:
        heard.append("anything")

    events.attach(listeners)
    events.attach(listeners)
    await events.emit(Sold(title="Dune"), NO_SESSION)
    await events.emit(Event(), NO_SESSION)
    assert heard == ["Dune", "anything", "anything"]


@pytest.mark.anyio
async def test_what_a_handler_raises_reaches_whoever_made_the_change() -> None:
    events = Events()

    @events.on(Sold)
    async def refuse(event: Sold, _: object) -> None:
        raise ValueError("not for sale")

    with pytest.raises(ValueError, match="not for sale"):
        await events.emit(Sold(title="Dune"), NO_SESSION)
