"""Every way to get at one object of the app's scope, by the name under which it is shown."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import FastAPI

from backoffice.core import serve
from benchmarks.injection import ours, peers, plain
from benchmarks.injection.values import App, Factory

DIRECT, AGAIN = "module global", "module global, again"
INCLUDED = "module global, included router"
OF, BY_DEPENDS = "Backoffice, x.of(request)", "Backoffice, Depends(x)"
OF_INCLUDED, BY_DEPENDS_INCLUDED = f"{OF}, included", f"{BY_DEPENDS}, included"
ASYNC_DEPENDS, ASYNC_ON_REQUEST = "async Depends", "async Depends reading app.state"
OURS_LATE = "Backoffice, opened by the first request"


@dataclass(frozen=True)
class Contestant:
    """A way to give `{"v": 1}` from an object of the app's scope; `floor` is the same without."""

    app: Callable[[Factory], FastAPI]
    floor: str = DIRECT


Running = Callable[[Factory], AbstractAsyncContextManager[App]]

#: Whose requests are timed.
CONTESTANTS = {
    DIRECT: Contestant(plain.module_global),
    AGAIN: Contestant(plain.module_global),
    INCLUDED: Contestant(plain.module_global_included),
    "request.app.state": Contestant(plain.app_state),
    "request.state": Contestant(plain.request_state),
    ASYNC_DEPENDS: Contestant(plain.async_depends),
    ASYNC_ON_REQUEST: Contestant(plain.async_depends_on_request),
    "sync Depends, lru_cache": Contestant(plain.lru_cached),
    OF: Contestant(ours.of),
    BY_DEPENDS: Contestant(ours.depends),
    OF_INCLUDED: Contestant(ours.of_included, INCLUDED),
    BY_DEPENDS_INCLUDED: Contestant(ours.depends_included, INCLUDED),
    "dishka, @inject": Contestant(peers.dishka_inject),
    "dishka, DishkaRoute, included": Contestant(peers.dishka_route, INCLUDED),
    "wireup, as its README": Contestant(peers.wireup_plain),
    "wireup, WireupRoute, included": Contestant(peers.wireup_route, INCLUDED),
    "that-depends, Depends(provider)": Contestant(peers.that_depends_provider),
    "that-depends, route class, included": Contestant(peers.that_depends_route, INCLUDED),
    "svcs, DepContainer": Contestant(peers.svcs_value),
    "fastapi-singleton": Contestant(peers.fastapi_singleton),
    "five by async Depends": Contestant(plain.five_async_depends),
    "Backoffice, five by Depends": Contestant(ours.five_depends),
    "Backoffice, five in one bundle": Contestant(ours.bundle_of_five),
}

#: Whose first requests come all at once.
LAZY: dict[str, Running] = {
    "sync Depends, lru_cache": lambda factory: serve(plain.lru_cached(factory)),
    "async Depends, made when missing": lambda factory: serve(plain.made_when_missing(factory)),
    "Backoffice, opened at the start": lambda factory: serve(ours.depends(factory)),
    OURS_LATE: ours.late,
    "dishka": lambda factory: serve(peers.dishka_route(factory)),
    "wireup": lambda factory: serve(peers.wireup_plain(factory)),
    "that-depends": lambda factory: serve(peers.that_depends_provider(factory)),
    "svcs, a factory": lambda factory: serve(peers.svcs_factory(factory)),
    "fastapi-singleton": lambda factory: serve(peers.fastapi_singleton(factory)),
    "fastapi-singleton, no lifespan": lambda factory: serve(peers.fastapi_singleton_lazy(factory)),
}
