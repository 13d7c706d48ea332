"""The shop, running, on each kind of database."""

from collections.abc import Iterator

import pytest

from tests.e2e.processes import Shop
from tests.services.databases import Databases


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def lasting_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database that all tests of this session share."""
    databases: Databases = request.getfixturevalue(
        {"sqlite": "sqlite_databases", "postgresql": "postgres_databases"}[request.param]
    )
    with databases.empty() as url:
        yield url


@pytest.fixture(scope="session")
def shop(lasting_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The demonstration; whoever kills it starts it again."""
    with Shop(tmp_path_factory.mktemp("demo"), {"BACKOFFICE_DATABASE_URL": lasting_url}) as shop:
        yield shop
