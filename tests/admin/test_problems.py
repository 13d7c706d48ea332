"""What a page says where the database cannot do what it is asked for."""

from sqlalchemy import text

from tests.admin.conftest import House


def test_a_table_that_is_not_there_yet_is_told_with_what_makes_it(house: House) -> None:
    """To people and to scripts."""
    house.signed_in("books:view")

    async def dropped() -> None:
        async with house.services.database.session() as session:
            connection = await session.connection()
            await connection.execute(text("ALTER TABLE library_book RENAME TO elsewhere"))
            await session.commit()

    house.call(dropped())
    for path in ("/books", "/books/detail?pk=1"):
        page = house.open(path)
        assert (page.status_code, "backoffice migrate up" in page.text) == (503, True)
        told = house.open(path, accept="application/json").json()
        assert told["detail"]["code"] == "not_migrated"
