"""What goes with a record by the database alone is told as well: of tables that have no model."""

from typing import Any

from sqlalchemy import text

from tests.admin.conftest import House
from tests.admin.deletions.archive import Edition, Publisher
from tests.admin.deletions.test_what_goes import delete, items, question

TABLES = (
    "CREATE TABLE archive_stamp (number INTEGER PRIMARY KEY, publisher_id INTEGER NOT NULL "
    "REFERENCES archive_publisher (id) ON DELETE CASCADE)",
    "CREATE TABLE archive_ink (colour TEXT, stamp INTEGER "
    "REFERENCES archive_stamp (number) ON DELETE CASCADE)",
    "CREATE TABLE archive_shelf (publisher_id INTEGER "
    "REFERENCES archive_publisher (id) ON DELETE SET NULL)",
    "CREATE TABLE archive_lock (edition_id INTEGER REFERENCES archive_edition (id))",
)
ROWS = (
    "INSERT INTO archive_stamp VALUES (7, 1), (8, 1), (9, 2)",
    "INSERT INTO archive_ink VALUES ('red', 7), ('blue', 9)",
    "INSERT INTO archive_shelf VALUES (1), (NULL)",
    "INSERT INTO archive_lock VALUES (2)",
)


def write(house: House, *statements: str) -> None:
    async def done() -> None:
        async with house.services.database.session() as session:
            asked: Any = session
            for each in statements:
                await asked.exec(text(each))
            await session.commit()

    house.call(done())


def test_tables_without_a_model_are_told_of_through_several_levels(house: House) -> None:
    house.add(Publisher(name="Press"), Publisher(name="Other"))
    house.add(Edition(name="One", publisher_id=1), Edition(name="Two", publisher_id=2))
    write(house, *TABLES, *ROWS)
    house.signed_in("publishers:*", "editions:*")
    assert set(items(question(house, "/publishers/action?name=delete&pks=1"))) == {
        "Editions: 1: One",
        "Archive stamp: 2",
        "Archive ink: 1",
        "Archive shelf: 1",
    }
    assert delete(house, "publishers", "1") == 303
    held = question(house, "/publishers/action?name=delete&pks=2")
    assert "Archive lock: 1" in items(held)
    assert "This cannot be deleted" in held
    assert delete(house, "publishers", "2") == 409
    assert [each.id for each in house.all(Publisher)] == [2]
