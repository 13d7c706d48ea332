"""What a check found: whether the caller may go on, and how it stands with each limit."""

from typing import NamedTuple

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
        """Units left under the tightest limit; None when nobody has looked."""
        return min((each.remaining for each in self._binding if each.known), default=None)

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


def seconds(microseconds: int) -> int:
    """Whole seconds, rounded up: who waits that long does not come too early."""
    return -(-microseconds // 10**6)
