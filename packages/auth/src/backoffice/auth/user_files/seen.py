"""The addresses that a file had so far: on disk, so that a file of any length takes no memory."""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

#: Of the database that holds them; the rest is on disk. In KiB.
_MEMORY = 16 << 10
_DIGEST = 12


class Seen:
    """Remembers addresses by a digest whose key is made here: none is on the disk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._key = secrets.token_bytes(16)

    def is_new(self, address: str) -> bool:
        """Whether it was not there before; it is from now on."""
        digest = hashlib.blake2b(address.encode(), digest_size=_DIGEST, key=self._key).digest()
        added = self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,))
        return added.rowcount == 1


@contextmanager
def opened_seen() -> Iterator[Seen]:
    """None so far. The file has no name, and goes with the connection."""
    # Used by one thread at a time, whichever that is.
    connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_MEMORY}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        connection.execute("BEGIN")
        yield Seen(connection)
    finally:
        connection.close()
