"""What a check found: whether the caller may go on, and how it stands with each limit."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from backoffice.core import TooManyRequests
from backoffice.ratelimit.charges import Standing


class Decision(NamedTuple):
    """The outcome of one check of all its limits: all were spent, or none was.

    A check of cost 0 spends nothing, and `allowed` says whether one unit would pass. Where the
    store did not answer and the limit lets callers pass then, `standings` is empty.
    """

    name: str
    allowed: bool
    cost: int
    standings: tuple[Standing, ...]

    @property
    def remaining(self) -> int | None:
        """Units left under the tightest limit; None when the store did not answer."""
        return min((each.remaining for each in self._binding), default=None)

    @property
    def refused_by(self) -> tuple[Standing, ...]:
        """The limits that stand in the way; empty when allowed."""
        if self.allowed:
            return ()
        return tuple(each for each in self._binding if each.wait)

    @property
    def possible(self) -> bool:
        """Whether waiting can help: false where the cost is above what a limit allows at once."""
        return all(self.cost <= each.limit.most for each in self._binding)

    @property
    def retry_after(self) -> int:
        """Seconds, rounded up, until the same check would pass; 0 when it did."""
        return max((seconds(each.wait) for each in self.refused_by), default=0)

    @property
    def _binding(self) -> tuple[Standing, ...]:
        return tuple(each for each in self.standings if not each.shadow)

    def refusal(self, fields: Mapping[str, str] | None = None) -> TooManyRequests:
        """The error that answers a caller who was refused, with these header fields besides."""
        # RFC 6585, 4: a response with status 429 must not be stored by a cache.
        headers = {**(fields or {}), "Cache-Control": "no-store"}
        violated: dict[str, Any] = {
            "violated-policies": [str(each.limit) for each in self.refused_by]
        }
        if not self.possible:
            most = min(each.limit.most for each in self._binding)
            message = f"This costs more than the {most} that are allowed at once; ask for less."
            return TooManyRequests(message, headers=headers, **violated)
        after = self.retry_after
        return TooManyRequests(
            f"Too many requests; try again in {after} second{'s' if after > 1 else ''}.",
            headers={**headers, "Retry-After": str(after)},
            retry_after=after,
            **violated,
        )


def seconds(microseconds: int) -> int:
    """Whole seconds, rounded up: who waits that long does not come too early."""
    return -(-microseconds // 10**6)
