"""A handler takes the event that it was registered for, or a more general one.

Type-checked by mypy and pyright, both strict; not run.
"""

from collections.abc import Awaitable, Callable
from typing import assert_type

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import Auth, AuthEvent, RoleGranted, SignedIn
from backoffice.core import Event, Events, Listeners

auth = Auth()
listeners = Listeners()


@auth.on(SignedIn)
async def greet(event: SignedIn) -> None:
    assert_type(event, SignedIn)


@auth.within(SignedIn)
async def count(event: SignedIn, session: AsyncSession) -> None:
    assert_type(session, AsyncSession)


@listeners.on(AuthEvent)
async def log(event: Event) -> None:
    assert_type(event.name, str)


assert_type(greet, Callable[[SignedIn], Awaitable[None]])
assert_type(count, Callable[[SignedIn, AsyncSession], Awaitable[None]])


@auth.on(SignedIn)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def other_event(event: RoleGranted) -> None: ...


@auth.on(SignedIn)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def lacks_the_event() -> None: ...


@auth.on(SignedIn)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def not_async(event: SignedIn) -> None: ...


@auth.within(SignedIn)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def lacks_the_session(event: SignedIn) -> None: ...


auth.on(str)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


async def emitted(events: Events, session: AsyncSession) -> None:
    await events.emit(Event(), session)
    await events.emit("auth.signed_in", session)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
