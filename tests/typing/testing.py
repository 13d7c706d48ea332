"""What a user's tests see of the support for tests.

Type-checked by mypy and pyright, both strict; not run.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_type

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import AsyncClient

from backoffice.auth import Role, Services, SignedIn, User
from backoffice.auth.testing import Accounts
from backoffice.core import Clock, Database, Event, clock, database
from backoffice.core.mail import Message
from backoffice.core.testing import CapturedEvents, ManualClock, RunningApp, SentMail

time = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
assert_type(time.advance(timedelta(minutes=1)), datetime)
assert_type(time.advance(0.5), datetime)
time.advance("a minute")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

with clock.override(time), RunningApp(FastAPI()) as found:
    assert_type(found, RunningApp)
with RunningApp(FastAPI(), time=time) as running:
    assert_type(running.client({"X-Who": "ann"}, follow_redirects=False), TestClient)
    assert_type(running.async_client(), AsyncClient)
    assert_type(running.value(database), Database)
    assert_type(running.value(clock), Clock)
    assert_type(running.call(running.value(database).ping()), None)


def seen(events: CapturedEvents, mail: SentMail) -> None:
    assert_type(events.of(SignedIn), list[SignedIn])
    assert_type(events[0], Event)
    assert_type(list(events), list[Event])
    assert_type(mail[-1], Message)
    assert_type(mail[:2], Sequence[Message])
    assert_type(mail.to("ann@example.org"), list[Message])
    events.of("auth.signed_in")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def signed_in(accounts: Accounts, user: User) -> None:
    assert_type(accounts.services, Services)
    assert_type(accounts.user("ann@example.org", permissions=["books:read"]), User)
    assert_type(accounts.role("editor", "books:read", "books:write"), Role)
    assert_type(accounts.signed_in(), TestClient)
    assert_type(accounts.signed_in("ann@example.org", superuser=True), TestClient)
    assert_type(accounts.signed_in(user=uuid.uuid4(), roles=("editor",)), TestClient)
    assert_type(accounts.signed_in_async(user=user, method="api_key", scopes=[]), AsyncClient)
    accounts.signed_in(method="oauth")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    accounts.signed_in(role="editor")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
