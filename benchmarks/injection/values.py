"""What every contestant injects, and what makes it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

App = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Any]
Answer = dict[str, int]


@dataclass(frozen=True)
class Value:
    v: int = 1


class Factory:
    """Makes values, which takes it `seconds` as connecting to something would, and counts them."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.made = 0

    async def later(self) -> Value:
        self.made += 1
        await asyncio.sleep(self.seconds)
        return Value()

    def at_once(self) -> Value:
        self.made += 1
        time.sleep(self.seconds)
        return Value()
