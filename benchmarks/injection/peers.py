"""Other libraries with an app scope, each wired as its own documentation writes it."""

from collections.abc import AsyncGenerator
from typing import Annotated

import dishka
import dishka.integrations.fastapi
import fastapi_singleton as fs
import svcs
import that_depends
import wireup
import wireup.integration.fastapi
from fastapi import APIRouter, Depends, FastAPI
from that_depends.integrations.fastapi import create_fastapi_route_class

from benchmarks.injection.values import Answer, Factory, Value


def _dishka(app: FastAPI, factory: Factory) -> None:
    async def value() -> Value:
        return await factory.later()

    provider = dishka.Provider(scope=dishka.Scope.APP)
    provider.provide(value)
    container = dishka.make_async_container(provider)
    dishka.integrations.fastapi.setup_dishka(container, app)


def dishka_inject(factory: Factory) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    @dishka.integrations.fastapi.inject
    async def answer(value: dishka.FromDishka[Value]) -> Answer:
        return {"v": value.v}

    _dishka(app, factory)
    return app


def dishka_route(factory: Factory) -> FastAPI:
    app = FastAPI()
    router = APIRouter(route_class=dishka.integrations.fastapi.DishkaRoute)

    @router.get("/")
    async def answer(value: dishka.FromDishka[Value]) -> Answer:
        return {"v": value.v}

    app.include_router(router)
    _dishka(app, factory)
    return app


def _wireup(app: FastAPI, factory: Factory) -> None:
    @wireup.injectable
    async def value() -> Value:
        return await factory.later()

    container = wireup.create_async_container(injectables=[value])
    wireup.integration.fastapi.setup(container, app)


def wireup_plain(factory: Factory) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def answer(value: wireup.Injected[Value]) -> Answer:
        return {"v": value.v}

    _wireup(app, factory)
    return app


def wireup_route(factory: Factory) -> FastAPI:
    app = FastAPI()
    router = APIRouter(route_class=wireup.integration.fastapi.WireupRoute)

    @router.get("/")
    async def answer(value: wireup.Injected[Value]) -> Answer:
        return {"v": value.v}

    app.include_router(router)
    _wireup(app, factory)
    return app


def _that_depends(factory: Factory) -> that_depends.providers.AsyncSingleton[Value]:
    class Container(that_depends.BaseContainer):
        alias = f"container {id(factory)}"
        value = that_depends.providers.AsyncSingleton(factory.later)

    return Container.value


def that_depends_provider(factory: Factory) -> FastAPI:
    provider = _that_depends(factory)
    app = FastAPI()

    @app.get("/")
    async def answer(value: Annotated[Value, Depends(provider)]) -> Answer:
        return {"v": value.v}

    return app


def that_depends_route(factory: Factory) -> FastAPI:
    provider = _that_depends(factory)
    app, router = FastAPI(), APIRouter(route_class=create_fastapi_route_class())

    @router.get("/")
    async def answer(value: Value = that_depends.Provide[provider]) -> Answer:
        return {"v": value.v}

    app.include_router(router)
    return app


def svcs_value(factory: Factory) -> FastAPI:
    @svcs.fastapi.lifespan
    async def lifespan(app: FastAPI, registry: svcs.Registry) -> AsyncGenerator[None]:
        registry.register_value(Value, await factory.later())
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def answer(services: svcs.fastapi.DepContainer) -> Answer:
        return {"v": services.get(Value).v}

    return app


def svcs_factory(factory: Factory) -> FastAPI:
    """Its factories make a value for each request; what lives longer is a value made before."""

    @svcs.fastapi.lifespan
    async def lifespan(app: FastAPI, registry: svcs.Registry) -> AsyncGenerator[None]:
        registry.register_factory(Value, factory.later)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def answer(services: svcs.fastapi.DepContainer) -> Answer:
        return {"v": (await services.aget(Value)).v}

    return app


def fastapi_singleton(factory: Factory) -> FastAPI:
    async def value() -> Value:
        return await factory.later()

    app = FastAPI(lifespan=fs.lifespan)

    @app.get("/")
    async def answer(value: Annotated[Value, Depends(fs.singleton(value))]) -> Answer:
        return {"v": value.v}

    return app


def fastapi_singleton_lazy(factory: Factory) -> FastAPI:
    """Without its lifespan, it makes a value when the first request asks."""
    app = fastapi_singleton(factory)
    app.router.lifespan_context = FastAPI().router.lifespan_context
    return app
