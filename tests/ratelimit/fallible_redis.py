"""A Redis that hangs and dies at a test's word."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import redis


class FallibleRedis:
    """A Redis of a test's own that can hang and die."""

    def __init__(self, url: str) -> None:
        self.url = url
        with redis.Redis.from_url(url) as client:
            self._process = int(client.info("server")["process_id"])

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Accepts connections and never answers."""
        os.kill(self._process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process, signal.SIGCONT)

    def die(self) -> None:
        """Accepts nothing any more."""
        os.kill(self._process, signal.SIGKILL)
