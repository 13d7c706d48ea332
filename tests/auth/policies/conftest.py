"""A desk with papers, running; conditions are tried on both databases, requests on one."""

from collections.abc import Iterator

import pytest

from tests.auth.conftest import create_tables
from tests.auth.policies.desk import Desk, built
from tests.services.databases import Databases


@pytest.fixture
def desk(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with sqlite_databases.copy("auth", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with built() as found:
            yield found
