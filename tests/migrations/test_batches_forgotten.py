"""A job that is forgotten leaves nothing behind, whoever looks at it or runs it meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from backoffice.core import Conflict
from backoffice.migrations.batches import Pace, batched_update, forget
from tests.migrations.projects import Look, sync_url


@pytest.fixture
def engine(database_url: str, look: Look) -> Iterator[sa.Engine]:
    """A database of two books."""
    look.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title VARCHAR(9))")
    look.execute("INSERT INTO book VALUES (1, ''), (2, '')")
    engine = sa.create_engine(sync_url(database_url))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("others", [[], ["another"]], ids=["alone", "beside another"])
def test_a_job_that_is_forgotten_while_it_runs_ends(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    for each in others:
        batched_update(engine, "book", {"title": "x"}, name=each)
    monkeypatch.setattr("time.sleep", lambda _: forget(engine, "titles"))
    with pytest.raises(Conflict, match="forgotten while it ran"):
        batched_update(engine, "book", {"title": "x"}, name="titles", pace=Pace(size=1))


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_the_table_goes_though_somebody_looks_into_it(engine: sa.Engine, look: Look) -> None:
    batched_update(engine, "book", {"title": "x"}, name="titles")
    with look.engine.connect() as reader:
        reader.execute(sa.text("SELECT * FROM backoffice_batches"))

        def leave(_: Any, __: Any, statement: str, *___: Any) -> None:
            if statement.startswith("ROLLBACK TO"):
                reader.close()

        sa.event.listen(engine, "before_cursor_execute", leave)
        forget(engine, "titles")
    assert look.tables() == {"book"}
