"""Support for the tests of an app with limits; nothing that a server runs imports it."""

from collections.abc import Sequence

from backoffice.ratelimit.charges import Charge, How, Standing, Verdict
from backoffice.ratelimit.limiter import Limiter


class Unlimited:
    """A store in which nothing is ever spent."""

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:  # noqa: ARG002
        """Allow all, and leave every limit unspent."""
        return Verdict(
            True,
            tuple(Standing(each.limit, each.limit.burst, 0, 0, each.shadow) for each in charges),
        )

    async def reset(self, keys: Sequence[str]) -> None:
        """There is nothing to forget."""

    async def ping(self) -> None:
        """Always here."""

    async def close(self) -> None:
        """Holds nothing."""


def unlimited() -> Limiter:
    """A limiter that refuses nobody: `limiter.override(unlimited())` around the app's start."""
    return Limiter(Unlimited())
