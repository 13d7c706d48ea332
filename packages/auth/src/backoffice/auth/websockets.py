"""Websockets: closed when what they were opened by is taken away, or runs out.

A websocket is judged before it is accepted, and what is taken away later meets no request of it.
So each that was let in is watched: one task of the run asks twice a second what was taken from
whom, and then, for all whom it concerns by one question, how their sessions and keys stand now.
What does not stand any more is closed with 1008, whatever its endpoint waits for, and neither
hears nor says anything from then on.

Where nothing can be asked, nobody knows what was taken away: after `PATIENCE` all are closed, with
1013.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from backoffice.auth.channels import Channels
from backoffice.auth.permissions import intersection
from backoffice.auth.principals import Principal
from backoffice.auth.remembered import EVERYBODY, Whom
from backoffice.auth.revocations import Revocations
from backoffice.auth.standing import Stand, Standing
from backoffice.auth.tokens import AccessTokens
from backoffice.core import Clock, Refusal, Unavailable

#: Raises a Refusal where a principal may not (any more) what a route asks for.
Check = Callable[[Principal], None]

log: logging.Logger = logging.getLogger(__name__)

#: Between two looks; seconds.
EVERY = 0.5
#: How each stands is asked as often in any case: somebody may change the database by hand.
AGAIN = timedelta(minutes=1)
#: How long nothing may be heard before all are closed; seconds.
PATIENCE = 10.0
#: Sessions and keys in one question.
TOGETHER = 200

POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013


class Watched:
    """A websocket that was let in: by whom, for what, and for how long."""

    def __init__(self, channels: Channels, principals: tuple[Principal, ...], until: datetime):
        self.channels = channels
        self.principals = principals
        self.until = until
        self.checks: list[Check] = []
        #: When to ask how it stands: at the next look, for something may have happened since.
        self.ask_at: datetime | None = None

    def is_of(self, whom: Whom) -> bool:
        """Whether they, or everybody, opened it."""
        return whom is EVERYBODY or self.principals[0].id == whom

    def fault(self, stands: Mapping[UUID, Stand], now: datetime) -> str | None:
        """Why it is to be closed; None if it stands."""
        if now >= self.until:
            return "expired: connect anew"
        found = [_stand(each, stands) for each in self.principals]
        standing = [each for each in found if each is not None]
        if len(standing) < len(found):
            return "invalid_token: the credential is revoked or has run out"
        ends = [each.until for each in standing if each.until is not None]
        self.ask_at = min(now + AGAIN, self.until, *ends)
        return self._refused(_both([each.principal for each in standing]))

    def _refused(self, principal: Principal) -> str | None:
        try:
            for check in self.checks:
                check(principal)
        except Refusal as refusal:
            return f"{refusal.code}: {refusal.message}"
        return None


class WebSockets:
    """The websockets of one run that were let in; each is forgotten when it is gone."""

    def __init__(
        self,
        clock: Clock,
        tokens: AccessTokens,
        revocations: Revocations,
        standing: Standing,
        lifetime: timedelta,
    ) -> None:
        self._clock = clock
        self._tokens = tokens
        self._revocations = revocations
        self._standing = standing
        self._lifetime = lifetime
        self._all: WeakKeyDictionary[HTTPConnection, Watched] = WeakKeyDictionary()
        self._verified_by = tokens.generation
        self._task: asyncio.Task[None] | None = None
        revocations.on_change(self._changed)

    def __len__(self) -> int:
        return len(self._open())

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch what is let in meanwhile."""
        try:
            yield
        finally:
            if self._task is not None:
                self._task.cancel()
                with suppress(asyncio.CancelledError):
                    await self._task

    def watch(
        self, connection: HTTPConnection, principals: tuple[Principal, ...], check: Check
    ) -> None:
        """Close the websocket once one of these credentials is no longer good, or `check` refuses.

        Watched twice, as for a router and for its route, it must pass both checks.
        """
        found = self._all.get(connection)
        if found is None and isinstance(connection, WebSocket):
            until = self._clock.now() + self._lifetime
            found = self._all[connection] = Watched(Channels(connection), principals, until)
        if found is not None:
            found.checks.append(check)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def _open(self) -> list[Watched]:
        return [each for each in self._all.values() if each.channels.open]

    def _changed(self, whom: Whom) -> None:
        for each in self._open():
            if each.is_of(whom):
                each.ask_at = None

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while self._open():
            await asyncio.sleep(EVERY)
            try:
                async with asyncio.timeout_at(heard + PATIENCE):
                    await self._look()
                heard = loop.time()
            except (Unavailable, TimeoutError):
                log.warning("how %d websockets stand could not be asked", len(self))
            except Exception:
                # Whatever it is, a watch that ends would leave all of them open.
                log.exception("how %d websockets stand could not be asked", len(self))
            if loop.time() >= heard + PATIENCE:
                for each in self._open():
                    each.channels.end(TRY_AGAIN_LATER, "unavailable: connect again later")

    async def _look(self) -> None:
        if not self._revocations.fresh:
            await self._revocations.refresh()
        self._check_keys()
        now = self._clock.now()
        due = [each for each in self._open() if each.ask_at is None or now >= each.ask_at]
        for start in range(0, len(due), TOGETHER):
            await self._ask(due[start : start + TOGETHER])

    def _check_keys(self) -> None:
        """What tokens opened was verified by the keys of then; those of now may be others."""
        if self._tokens.generation == self._verified_by:
            return
        self._verified_by = self._tokens.generation
        for each in self._open():
            if any(principal.method == "jwt" for principal in each.principals):
                each.channels.end(POLICY_VIOLATION, "expired: connect anew")

    async def _ask(self, websockets: list[Watched]) -> None:
        generation = self._revocations.generation
        asked = [principal for each in websockets for principal in each.principals]
        stands = await self._standing.of(
            {each.session_id for each in asked if each.session_id is not None},
            {each.key_id for each in asked if each.key_id is not None},
        )
        now = self._clock.now()
        for each in websockets:
            if (fault := each.fault(stands, now)) is not None:
                each.channels.end(POLICY_VIOLATION, fault)
            elif self._revocations.generation != generation:
                each.ask_at = None  # what was found may be what was before


def answer(connection: HTTPConnection, refusal: Refusal) -> Exception:
    """The refusal as the server can tell it: some can refuse a websocket without a word alone."""
    extensions: Mapping[str, Any] = connection.scope.get("extensions") or {}
    if "websocket.http.response" in extensions:
        return refusal
    return WebSocketException(POLICY_VIOLATION, refusal.message)


def _stand(principal: Principal, stands: Mapping[UUID, Stand]) -> Stand | None:
    id = principal.key_id or principal.session_id
    return None if id is None else stands.get(id)


def _both(principals: list[Principal]) -> Principal:
    one, *others = principals
    for other in others:
        one = replace(one, permissions=intersection(one.permissions, other.permissions))
    return one
