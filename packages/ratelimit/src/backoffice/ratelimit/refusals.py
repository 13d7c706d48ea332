"""The answer to a caller who was refused: 429, with all that a client needs to know."""

from collections.abc import Mapping, Sequence
from typing import Any

from backoffice.core import TooManyRequests
from backoffice.ratelimit.decisions import Decision

_TYPES = "https://iana.org/assignments/http-problem-types#"
#: Of draft-ietf-httpapi-ratelimit-headers-11, 6.1 and 6.2.
QUOTA_EXCEEDED = (
    f"{_TYPES}quota-exceeded",
    "Request cannot be satisfied as assigned quota has been exceeded",
)
REDUCED_CAPACITY = (
    f"{_TYPES}temporary-reduced-capacity",
    "Request cannot be satisfied due to temporary server capacity constraints",
)


def refusal(
    decisions: Sequence[Decision], fields: Mapping[str, str] | None = None
) -> TooManyRequests:
    """The error that answers a request refused by some of these, with these header fields.

    `Retry-After` is for all of them: who waits that long fits into each.
    """
    error = _refusal([each for each in decisions if not each.allowed], fields)
    error.problem = QUOTA_EXCEEDED
    return error


def _refusal(refused: Sequence[Decision], fields: Mapping[str, str] | None) -> TooManyRequests:
    # RFC 6585, 4: a response with status 429 must not be stored by a cache.
    headers = {**(fields or {}), "Cache-Control": "no-store"}
    by = [each for decision in refused for each in decision.refused_by]
    violated: dict[str, Any] = {"violated-policies": [str(each.limit) for each in by]}
    if not all(each.possible for each in refused):
        most = min(each.limit.most for each in by)
        message = f"This costs more than the {most} that are allowed at once; ask for less."
        return TooManyRequests(message, headers=headers, **violated)
    after = max((each.retry_after for each in refused), default=0)
    return TooManyRequests(
        f"Too many requests; try again in {after} second{'s' if after > 1 else ''}.",
        headers={**headers, "Retry-After": str(after)},
        retry_after=after,
        **violated,
    )
