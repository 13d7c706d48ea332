"""For apps that come from fastapi-limiter 0.2: its `RateLimiter`, counted by our limiter.

    from backoffice.ratelimit.fastapi_limiter import RateLimiter

    @app.get("/", dependencies=[Depends(RateLimiter(limiter=Limiter(Rate(5, Duration.MINUTE))))])

What differs: each caller has a bucket of its own, and each route, where the original has one for
all; included routers and path parameters work; a refusal says when to come back.
"""

import inspect
from collections.abc import Callable
from typing import Any

from fastapi import Request, Response
from fastapi_limiter.callback import default_callback
from fastapi_limiter.depends import RateLimiter as OriginalRateLimiter
from fastapi_limiter.identifier import default_identifier
from pyrate_limiter import Limiter, Rate
from starlette.exceptions import HTTPException

from backoffice.core import SetupError, TooManyRequests, reads
from backoffice.ratelimit.dependencies import READ, Gate
from backoffice.ratelimit.limits import Limit, limits


@reads(*READ)
class RateLimiter(OriginalRateLimiter):
    """Takes what fastapi-limiter's own takes; the rates of `limiter` are read, its bucket is not.

    `identifier` gives who is counted; left out, that is the caller whom `auth` knows, else the
    client's network. `callback` answers a refusal by raising; when it returns, we raise.

    Raises SetupError for `blocking=True`, and for a limiter whose rates cannot be read.
    """

    def __init__(
        self,
        limiter: Limiter,
        # Any: the original says no more than Callable, and both may be sync here.
        identifier: Callable[..., Any] = default_identifier,
        callback: Callable[..., Any] = default_callback,
        blocking: bool = False,
    ) -> None:
        if blocking:
            raise SetupError("blocking=True holds requests open; let callers wait: leave it out")
        super().__init__(limiter, identifier, callback)
        # The original's identifier believes any X-Forwarded-For and counts by the raw path.
        key = None if identifier is default_identifier else identifier
        self._gate = Gate(limits(*map(_limit, _rates(limiter))), key)

    async def __call__(self, request: Request, response: Response) -> None:
        """Let the request pass, or answer as `callback` does."""
        if getattr(request.scope.get("endpoint"), "_skip_limiter", False):
            return
        try:
            await self._gate.enter(request, response)
        except TooManyRequests as refusal:
            await self._answer(request, response, refusal)

    async def _answer(self, request: Request, response: Response, refusal: TooManyRequests) -> None:
        if self.callback is not default_callback:
            try:
                answer = self.callback(request, response)
                if inspect.isawaitable(answer):
                    await answer
            except HTTPException as error:
                error.headers = {**(refusal.headers or {}), **(error.headers or {})}
                raise
        raise refusal


def _rates(limiter: Limiter) -> list[Rate]:
    # A single bucket's factory has it here; others make theirs by name, when first asked.
    bucket = getattr(limiter.bucket_factory, "bucket", None)
    rates: list[Rate] = getattr(bucket, "rates", [])
    if not rates:
        raise SetupError(
            "the rates of this Limiter cannot be read; write Limiter(Rate(5, Duration.MINUTE)), "
            'or RateLimit("5/minute") instead'
        )
    return rates


def _limit(rate: Rate) -> Limit:
    return Limit(count=rate.limit, period=rate.interval * 1000, burst=rate.burst)
