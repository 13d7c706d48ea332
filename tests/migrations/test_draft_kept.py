"""A copy of a SQLite table has all that the table had."""

from pathlib import Path

import pytest

from backoffice.migrations.drafts.lines import execute
from tests.migrations.drafting import Desk

PARENT = """
class Parent(Base):
    __tablename__ = "parent"
    {arguments}
    id: Mapped[int] = mapped_column(primary_key=True)
    name = mapped_column(sa.Text{name})
    up = mapped_column(sa.Integer{up})
"""
KEY = ", sa.ForeignKey('parent.id', ondelete='CASCADE', onupdate='SET NULL')"
LOWER = '__table_args__ = (sa.Index("ix_lower", sa.text("lower(name)"), unique=True),)'
COUNTED = '__table_args__ = {"sqlite_autoincrement": True}'


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/family.db"


def models(arguments: str = "", name: str = "", up: str = "") -> str:
    return PARENT.format(arguments=arguments, name=name, up=up)


def copied(desk: Desk, **options: str) -> str:
    """The revision that has a name be there, for which SQLite copies the table."""
    desk.models(models(name=", nullable=False", **options))
    return desk.stairs()


def created(desk: Desk, sql: str) -> None:
    """Have the history make the table by this SQL."""
    desk.models("")
    desk.shop.revision("first", None, execute(sql))
    desk.run()


def sql_of(desk: Desk, table: str = "parent") -> str:
    ((sql,),) = desk.look.rows(f"SELECT sql FROM sqlite_master WHERE name = '{table}'")
    return " ".join(sql.split())


def test_a_view_of_the_table_is_there_as_before(desk: Desk) -> None:
    desk.models(models())
    desk.up()
    desk.look.execute(
        "INSERT INTO parent VALUES (1, 'x', 2)", "CREATE VIEW v AS SELECT * FROM parent"
    )
    copied(desk)
    assert desk.look.rows("SELECT * FROM v") == [(1, "x", 2)]


def test_a_trigger_of_another_table_writes_to_it_as_before(desk: Desk) -> None:
    other = (
        "class Other(Base):\n    __tablename__ = 'other'\n"
        "    id: Mapped[int] = mapped_column(primary_key=True)"
    )
    desk.models(f"{models()}\n{other}")
    desk.up()
    desk.look.execute(
        "CREATE TRIGGER t AFTER INSERT ON other BEGIN INSERT INTO parent VALUES (1, 'x', 2); END"
    )
    desk.models(f"{models(name=', nullable=False')}\n{other}")
    desk.stairs()
    desk.look.execute("INSERT INTO other VALUES (1)")
    assert desk.look.rows("SELECT * FROM parent") == [(1, "x", 2)]


@pytest.mark.parametrize("rows", ["(1, 'x', 2), (9, 'y', 2)", "(9, 'y', 2)"])
def test_no_number_is_given_twice(desk: Desk, rows: str) -> None:
    desk.models(models(COUNTED))
    desk.up()
    desk.look.execute(f"INSERT INTO parent VALUES {rows}", "DELETE FROM parent WHERE id = 9")
    copied(desk, arguments=COUNTED)
    desk.look.execute("INSERT INTO parent (name) VALUES ('z')")
    assert desk.look.rows("SELECT max(id) FROM parent") == [(10,)]


def test_what_counts_rows_by_itself_alone_needs_no_counter_elsewhere(desk: Desk) -> None:
    created(desk, "CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY, name TEXT, up INTEGER)")
    desk.look.execute(
        "DROP TABLE parent",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, up INTEGER)",
    )
    desk.models(models(name=", nullable=False"))
    assert "sqlite_sequence" not in desk.up()  # where only the history made it, there is none


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ("(id INTEGER NOT NULL PRIMARY KEY, name TEXT COLLATE NOCASE, up INTEGER)", "NOCASE"),
        ("(id INTEGER NOT NULL PRIMARY KEY, name TEXT, up INTEGER) STRICT", ") STRICT"),
        ("(id INTEGER PRIMARY KEY, name TEXT, up INTEGER) WITHOUT ROWID", ") WITHOUT ROWID"),
        ("(id INTEGER PRIMARY KEY, name TEXT CHECK (name <> ':no'), up INTEGER)", "':no'"),
    ],
)
def test_the_rules_of_a_table_are_kept(desk: Desk, table: str, rule: str) -> None:
    created(desk, f"CREATE TABLE parent {table}")
    copied(desk)
    assert rule in sql_of(desk)
    desk.down()
    assert rule in sql_of(desk)


def test_a_column_that_becomes_another_string_compares_as_before(desk: Desk) -> None:
    created(
        desk, "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, up INTEGER)"
    )
    desk.models(models().replace("sa.Text", "sa.String(9)"))
    desk.stairs()
    assert 'VARCHAR(9) COLLATE "NOCASE"' in sql_of(desk)


def test_a_key_of_strings_is_kept_with_its_collation(desk: Desk) -> None:
    created(desk, "CREATE TABLE tag (name TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, up INTEGER)")
    desk.models(
        "class Tag(Base):\n    __tablename__ = 'tag'\n"
        "    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)\n"
        "    up: Mapped[int] = mapped_column()"
    )
    desk.stairs(backfill=("up=1",))
    assert 'name TEXT COLLATE "NOCASE" NOT NULL' in sql_of(desk, "tag")
    assert "PRIMARY KEY (name)" in sql_of(desk, "tag")


INLINE = (
    "CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY, name TEXT, "
    "up INTEGER REFERENCES parent (id) ON DELETE CASCADE ON UPDATE SET NULL)"
)


def test_what_a_foreign_key_does_is_seen_where_it_stands_beside_its_column(desk: Desk) -> None:
    created(desk, INLINE)
    desk.models(models(up=KEY))
    assert desk.make() is None


def test_what_a_foreign_key_does_is_kept_where_it_stands_beside_its_column(desk: Desk) -> None:
    created(desk, INLINE)
    copied(desk, up=KEY)
    assert "ON DELETE CASCADE ON UPDATE SET NULL" in sql_of(desk)
    desk.down()
    assert "ON DELETE CASCADE ON UPDATE SET NULL" in sql_of(desk)


def test_a_foreign_key_that_goes_comes_back_with_what_it_did(desk: Desk) -> None:
    created(desk, INLINE)
    copied(desk)
    assert "REFERENCES" not in sql_of(desk)
    desk.down()
    assert "ON DELETE CASCADE ON UPDATE SET NULL" in sql_of(desk)


def test_triggers_and_indexes_follow_a_renamed_column_into_the_copy(desk: Desk) -> None:
    desk.models(models(LOWER))
    desk.up()
    desk.look.execute(
        "CREATE TRIGGER t AFTER INSERT ON parent BEGIN "
        "UPDATE parent SET name = name || '.' WHERE id = new.id; END"
    )
    renamed = models(LOWER.replace("(name)", "(called)"), name=", nullable=False")
    desk.models(renamed.replace("    name = ", "    called = "))
    desk.stairs(rename=("parent.name:called",))
    desk.look.execute("INSERT INTO parent VALUES (1, 'x', 2)")
    assert desk.look.rows("SELECT called FROM parent") == [("x.",)]
    assert "lower(called)" in sql_of(desk, "ix_lower")


def test_triggers_follow_a_renamed_table_into_the_copy(desk: Desk) -> None:
    desk.models(models())
    desk.up()
    desk.look.execute(
        "CREATE TRIGGER t AFTER INSERT ON parent BEGIN "
        "UPDATE parent SET name = 'parent' WHERE id = new.id; END"
    )
    desk.models(models(name=", nullable=False").replace('"parent"', '"elder"'))
    desk.stairs(rename=("parent:elder",))
    desk.look.execute("INSERT INTO elder VALUES (1, 'x', 2)")
    assert desk.look.rows("SELECT name FROM elder") == [("parent",)]


def test_a_column_goes_with_the_index_on_an_expression_of_it(desk: Desk) -> None:
    desk.models(models(LOWER))
    desk.up()
    desk.models(models().replace("    name = mapped_column(sa.Text)\n", ""))
    desk.stairs()


def test_an_index_that_goes_does_not_come_back_with_the_copy(desk: Desk) -> None:
    desk.models(models(LOWER))
    desk.up()
    copied(desk)
    assert not desk.look.rows("SELECT 1 FROM sqlite_master WHERE name = 'ix_lower'")


def test_a_trigger_that_cannot_be_kept_is_told(desk: Desk) -> None:
    desk.models(models(LOWER))
    desk.up()
    desk.look.execute(
        "CREATE TRIGGER t AFTER INSERT ON parent BEGIN UPDATE parent SET name = 'x'; END"
    )
    desk.models(models().replace("    name = mapped_column(sa.Text)\n", ""))
    made = desk.make()
    assert made is not None
    assert "a trigger of parent goes, since it names name" in made.warnings[0]
    desk.run()


def test_a_conflict_clause_is_told_of(desk: Desk) -> None:
    created(
        desk,
        "CREATE TABLE parent "
        "(id INTEGER PRIMARY KEY, name TEXT NOT NULL ON CONFLICT IGNORE, up INTEGER)",
    )
    desk.models(models(up=", nullable=False"))
    made = desk.make()
    assert made is not None
    assert any("ON CONFLICT" in each for each in made.warnings)
