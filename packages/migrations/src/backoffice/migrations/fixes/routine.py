"""A function that a fix writes into a revision."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Routine:
    """A function as it is written into the file, the modules it needs, and whom it calls."""

    text: str
    imports: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
