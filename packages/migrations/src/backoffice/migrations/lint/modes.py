"""The locks of a database, and what a statement does under one."""

from dataclasses import dataclass
from enum import IntEnum


class Lock(IntEnum):
    """PostgreSQL's table locks, the weakest first (documentation, section 13.3.1)."""

    NONE = 0
    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def blocks_writes(self) -> bool:
        """Whether INSERT, UPDATE and DELETE wait for it."""
        return self >= Lock.SHARE

    @property
    def blocks_reads(self) -> bool:
        """Whether even SELECT waits for it."""
        return self is Lock.ACCESS_EXCLUSIVE

    def __str__(self) -> str:
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Effect:
    """What one statement does to one table.

    `scan`: every row is read while the lock is held. `rewrite`: the table is written anew.
    `rows`: rows are changed by UPDATE or DELETE with no bound of their number.
    On SQLite `lock` says whether others can read or write meanwhile, for the whole database.
    """

    table: str
    lock: Lock
    scan: bool = False
    rewrite: bool = False
    rows: bool = False


def effect_on(
    table: str, lock: Lock, scan: bool = False, rewrite: bool = False, rows: bool = False
) -> tuple[Effect, ...]:
    """The effect on a table, or none where it is not known which table it is."""
    return (Effect(table, lock, scan or rewrite, rewrite, rows),) if table else ()
