"""A server that takes a connection and says nothing holds nobody up for long."""

import socket
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from backoffice.core import Database, Unavailable
from backoffice.core.database import _patience


@pytest.fixture
def silent_url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"postgresql://user:none@127.0.0.1:{listener.getsockname()[1]}/shop"


@pytest.mark.anyio
async def test_who_asks_is_told_that_it_does_not_answer(silent_url: str) -> None:
    database, began = Database(silent_url, timeout=0.5), time.monotonic()
    with pytest.raises(Unavailable):
        await database.ping()
    assert time.monotonic() - began < 30
    await database.close()


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("postgresql+psycopg://host/db", {"connect_timeout": 5}),
        ("postgresql+asyncpg://host/db", {"timeout": 5}),
        ("postgresql+psycopg://host/db?connect_timeout=30", {}),
    ],
)
def test_each_driver_is_told_in_its_own_words_unless_the_url_says_so(
    url: str, given: dict[str, int]
) -> None:
    assert _patience(make_url(url), 5.0) == given
