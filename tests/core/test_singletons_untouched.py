"""All values of a run by one look, where nothing stands in for any of them."""

import pytest
from starlette.applications import Starlette

from backoffice.core import Run, singleton
from backoffice.core.singletons import STATE, untouched

pytestmark = pytest.mark.anyio


@singleton
def number() -> int:
    return 1


async def test_what_is_open_is_there_and_what_is_not_is_not() -> None:
    async with Run() as run:
        scope = {"state": {STATE: run}}
        assert untouched(scope) == {}
        await run.open(number)
        assert untouched(scope) == {number: 1}


async def test_an_override_of_a_test_sends_everybody_the_longer_way() -> None:
    async with Run() as run:
        scope = {"state": {STATE: run}}
        with number.override(2):
            assert untouched(scope) is None
        assert untouched(scope) == {}


async def test_an_override_of_the_app_does_so_too() -> None:
    app = Starlette()
    app.dependency_overrides = {number: lambda: 2}  # type: ignore[attr-defined]  # as FastAPI
    async with Run(app) as run:
        assert untouched({"state": {STATE: run}}) is None


async def test_without_a_run_there_are_none() -> None:
    assert untouched({}) is None
