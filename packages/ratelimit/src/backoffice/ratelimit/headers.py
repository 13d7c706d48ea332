"""The fields RateLimit-Policy and RateLimit, as draft-ietf-httpapi-ratelimit-headers-11 has them.

Both are lists of RFC 9651: one member per limit, named alike in both.
"""

from collections.abc import Iterable, Iterator, Sequence

from backoffice.ratelimit.charges import Standing
from backoffice.ratelimit.decisions import Decision, seconds


def fields(decisions: Sequence[Decision]) -> dict[str, str]:
    """The two fields for all checks of one request; none where no store answered."""
    members = list(_named(decisions))
    if not members:
        return {}
    return {
        "RateLimit-Policy": ", ".join(_policy(name, each) for name, each, _ in members),
        "RateLimit": ", ".join(_quota(*member) for member in members),
    }


def _named(decisions: Iterable[Decision]) -> Iterator[tuple[str, Standing, int]]:
    """Each limit with a name of its own and the seconds that a refused caller must wait for it."""
    seen: dict[str, int] = {}
    for decision in decisions:
        for each in decision.standings:
            text = str(each.limit)
            times = seen[text] = seen.get(text, 0) + 1
            name = text if times == 1 else f"{text}#{times}"
            yield name, each, seconds(each.wait) if decision.possible else 0


def _policy(name: str, standing: Standing) -> str:
    limit = standing.limit
    return f'"{name}";q={limit.count};w={seconds(limit.period)}'


def _quota(name: str, standing: Standing, wait: int) -> str:
    """`t`: the seconds within which the caller can use no more than `r`.

    For a limit that recovers bit by bit that is the time in which `r` units are granted, so that
    a client that spreads its requests over `t` is never refused; for a spent one, the wait.
    """
    limit = standing.limit
    available = min(standing.remaining, limit.count)
    spread = seconds(available * limit.emission)
    return f'"{name}";r={available};t={wait or max(spread, seconds(standing.next))}'
