"""The counters of limits for Prometheus; needs the extra `metrics`.

    app.include_router(metrics_router(REGISTRY, networks=["10.0.0.0/8"]))

gives `GET /metrics`. Where the app has such a route already, `FastAPI(lifespan=singletons(
exported(REGISTRY)))` brings the counters into the registry that it shows.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from itertools import accumulate
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from backoffice.core import (
    Forbidden,
    SetupError,
    Singleton,
    Unauthenticated,
    callers,
    reads,
    singleton,
    singletons,
)
from backoffice.core.access import Admits, admits
from backoffice.ratelimit.addresses import IPNetwork, client_address
from backoffice.ratelimit.metrics import BOUNDS, LimitMetrics, limit_metrics
from backoffice.ratelimit.settings import ratelimit_settings

#: What a caller must hold who comes from none of the networks.
PERMISSION = "metrics:read"


class LimitCollector(Collector):
    """Reads the counters of one run whenever the registry is asked for its own."""

    def __init__(self, metrics: LimitMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Checks by policy and outcome, and how long they took."""
        checks = CounterMetricFamily(
            "backoffice_ratelimit_checks",
            "Checks of rate limits: allowed, near, shadow, local, refused or unavailable.",
            labels=("policy", "outcome"),
        )
        for (policy, outcome), count in self._metrics.checks.items():
            checks.add_metric((policy, outcome), count)
        yield checks
        durations = self._metrics.durations
        below = accumulate(durations.counts)
        bounds = (*map(str, BOUNDS), "+Inf")
        yield HistogramMetricFamily(
            "backoffice_ratelimit_check_seconds",
            "How long checks of rate limits took; those made together count as one.",
            buckets=[*zip(bounds, below, strict=True)],
            sum_value=durations.seconds,
        )


def exported(registry: CollectorRegistry) -> Singleton[LimitCollector]:
    """A singleton that keeps this run's counters in the registry for as long as the run goes on."""

    @singleton
    async def limit_collector(
        metrics: Annotated[LimitMetrics, Depends(limit_metrics)],
    ) -> AsyncIterator[LimitCollector]:
        collector = LimitCollector(metrics)
        registry.register(collector)
        try:
            yield collector
        finally:
            registry.unregister(collector)

    return limit_collector


def metrics_router(
    registry: CollectorRegistry | None = None, *, networks: Sequence[str] = ()
) -> APIRouter:
    """`GET /metrics`: what is in the registry, with the counters of limits.

    For clients from these networks, and for callers who hold `metrics:read`. Without a registry,
    the counters of limits alone. Raises SetupError for a network that cannot be read.
    """
    shown = CollectorRegistry() if registry is None else registry
    admitted = [*_read(networks)]
    router = APIRouter(tags=["metrics"], lifespan=singletons(exported(shown)))

    @admits(Admits(public=False, who=" or ".join([PERMISSION, *map(str, admitted)])))
    @reads(callers, ratelimit_settings)
    async def permitted(request: Request) -> None:
        if not _among(client_address(request), admitted):
            await _require(request)

    @router.get("/metrics", dependencies=[Depends(permitted)], include_in_schema=False)
    async def metrics() -> Response:
        """The metrics, in the form that every scraper takes."""
        # Not by the header Accept: some of what a client may write there makes it raise.
        encode, kind = choose_encoder("")
        # In a thread: collectors of others read files.
        body = await anyio.to_thread.run_sync(encode, shown)
        return Response(body, media_type=kind, headers={"Cache-Control": "no-store"})

    return router


async def _require(request: Request) -> None:
    found = callers.of(request)
    if await found.may(request, PERMISSION):
        return
    if await found.name(request) is None:
        raise Unauthenticated("Metrics are for those who may read them; sign in, or use a key.")
    raise Forbidden(
        f"This needs the permission {PERMISSION}.", code="insufficient_scope", scope=PERMISSION
    )


def _read(networks: Sequence[str]) -> Iterator[IPNetwork]:
    for each in networks:
        try:
            yield ip_network(each)
        except ValueError:
            raise SetupError(
                f"{each!r} is no network; write 10.0.0.0/8 or 2001:db8::/32, with no bits set "
                "behind the length"
            ) from None


def _among(address: str, networks: Sequence[IPNetwork]) -> bool:
    try:
        found: Any = ip_address(address)
    except ValueError:
        return False
    return any(found in each for each in networks)
