"""`make` writes what brings the database to the models."""

from tests.migrations.drafting import Desk

BOOKS = """
class Author(Model, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=50, unique=True)

class Book(Model, table=True):
    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    title: str = Field(index=True)
    printed: datetime = Field(sa_type=UTCDateTime)
    author_id: int = Field(foreign_key="author.id", ondelete="CASCADE")
"""


def test_models_become_tables_and_a_second_look_finds_nothing(desk: Desk) -> None:
    desk.models(BOOKS)
    text = desk.stairs()
    assert "import sqlmodel.sql.sqltypes" in text
    assert "sqlmodel.sql.sqltypes.UTCDateTime()" in text
    assert {"author", "book"} <= desk.look.tables()
