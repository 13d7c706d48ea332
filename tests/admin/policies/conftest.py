"""The library with its rules, running."""

from collections.abc import Iterator

import pytest

from tests.admin.conftest import create_tables
from tests.admin.policies.ruled import RuledHouse, library
from tests.services.databases import Databases


@pytest.fixture
def ruled(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[RuledHouse]:
    with sqlite_databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with RuledHouse() as found:
            found.add(*library())
            yield found
