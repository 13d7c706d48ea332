"""What a `RateLimiter` was given, in the form of 0.1.6 or of 0.2.0."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from backoffice.core import SetupError
from backoffice.ratelimit.limits import Limit, limits

#: Any: the originals say no more than Callable, and here both may be sync.
Callback = Callable[..., Any]
Identifier = Callable[..., Any]


class Rate(Protocol):
    """What is read of pyrate-limiter's `Rate`: units, milliseconds, units at once."""

    limit: int
    interval: int
    burst: int


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits, and who answers; `timed` where `callback` takes the milliseconds to wait."""

    limits: tuple[Limit, ...]
    identifier: Identifier | None
    callback: Callback | None
    timed: bool
    blocking: bool = False


def read(*positional: Any, **named: Any) -> Terms:
    """The terms of either form; a TypeError where an argument belongs to neither."""
    first = positional[0] if positional else None
    modern = "limiter" in named or hasattr(first, "bucket_factory")
    return by_limiter(*positional, **named) if modern else by_times(*positional, **named)


def by_times(
    times: int = 1,
    milliseconds: int = 0,
    seconds: int = 0,
    minutes: int = 0,
    hours: int = 0,
    identifier: Identifier | None = None,
    callback: Callback | None = None,
) -> Terms:
    """The form of 0.1.6."""
    period = milliseconds + 1000 * seconds + 60_000 * minutes + 3_600_000 * hours
    if times < 1 or period < 1:
        raise SetupError(
            f"RateLimiter(times={times}) within {period} milliseconds lets nobody through; "
            "write RateLimiter(times=2, seconds=5)"
        )
    return Terms(limits(limit(times, period)), identifier, callback, timed=True)


def by_limiter(
    # Any: pyrate-limiter need not be installed.
    limiter: Any,
    identifier: Identifier | None = None,
    callback: Callback | None = None,
    blocking: bool = False,
) -> Terms:
    """The form of 0.2.0: the rates of `limiter` are read, its bucket is not used."""
    found = limits(*(limit(each.limit, each.interval, each.burst) for each in rates(limiter)))
    return Terms(found, identifier, callback, timed=False, blocking=blocking)


def rates(limiter: Any) -> list[Rate]:
    """The rates of a pyrate-limiter `Limiter`, or a SetupError."""
    # A single bucket's factory has it here; others make theirs by name, when first asked.
    bucket = getattr(getattr(limiter, "bucket_factory", None), "bucket", None)
    found: list[Rate] = getattr(bucket, "rates", [])
    if not found:
        raise SetupError(
            "the rates of this Limiter cannot be read; write Limiter(Rate(5, Duration.MINUTE)), "
            'or RateLimit("5/minute") instead'
        )
    return found


def limit(units: int, milliseconds: int, at_once: int | None = None) -> Limit:
    """Units that come back one by one."""
    return Limit(count=units, period=milliseconds * 1000, burst=at_once or units)
