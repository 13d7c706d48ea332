"""A rehearsal: what is done is tried in earnest, and nothing of it stays."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backoffice.core import Database, SetupError

pytestmark = pytest.mark.anyio

ROWS = text("SELECT count(*) FROM thing")
ADD = text("INSERT INTO thing VALUES (1)")


async def test_nothing_that_is_rehearsed_stays(database_url: str) -> None:
    database = Database(database_url)
    try:
        async with database.session() as session:
            await session.exec(text("CREATE TABLE thing (id integer PRIMARY KEY)"))  # type: ignore[call-overload]
            await session.commit()
        database.rehearse()
        async with database.session() as session:
            await session.exec(ADD)  # type: ignore[call-overload]
            await session.commit()
            assert (await session.exec(ROWS)).scalar_one() == 1  # type: ignore[call-overload]
            with pytest.raises(IntegrityError):
                await session.exec(ADD)  # type: ignore[call-overload]
        assert (await database.read(ROWS))[0][0] == 0
        with pytest.raises(SetupError, match="rehearsal"):
            async with database.engine.begin() as connection:
                await connection.execute(ADD)
        assert (await database.read(ROWS))[0][0] == 0
    finally:
        await database.close()
