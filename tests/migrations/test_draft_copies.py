"""SQLite changes a table by copying it: nothing of it is lost, and no row that refers to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from tests.migrations.drafting import Desk
from tests.migrations.projects import sync_url

FAMILY = """
class Parent(Base):
    __tablename__ = "parent"
    {arguments}
    id: Mapped[int] = mapped_column(primary_key=True)
    name = mapped_column(sa.String(20){name})
    age = mapped_column(sa.Integer)

class Child(Base):
    __tablename__ = "child"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id = mapped_column(sa.ForeignKey("parent.id", ondelete="CASCADE"))
    other_id = mapped_column(sa.ForeignKey("parent.id", ondelete="SET NULL"))
"""
LOWER = '__table_args__ = (sa.Index("ix_lower", sa.text("lower(name)"), unique=True),)'


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/family.db"


@pytest.fixture
def family(desk: Desk) -> Desk:
    """A parent with three children."""
    desk.models(FAMILY.format(arguments="", name=""))
    desk.up()
    desk.look.execute(
        "INSERT INTO parent VALUES (1, 'x', 40)",
        "INSERT INTO child VALUES (1, 1, 1), (2, 1, 1), (3, 1, 1)",
    )
    return desk


@pytest.fixture
def enforced() -> Iterator[None]:
    """Foreign keys are on in every connection, as an app may have them."""

    def enforce(connection: object, _: object) -> None:
        getattr(connection, "execute")("PRAGMA foreign_keys = ON")  # noqa: B009

    event.listen(Engine, "connect", enforce)
    yield
    event.remove(Engine, "connect", enforce)


@pytest.mark.usefixtures("enforced")
def test_a_parent_that_is_copied_keeps_its_children(family: Desk) -> None:
    children = "SELECT * FROM child"
    before = family.look.rows(children)
    family.models(FAMILY.format(arguments="", name=", unique=True"))
    text = family.up()
    assert "batch_alter_table('parent'" in text
    assert family.look.rows(children) == before
    family.down()  # by Alembic's own command, with foreign keys on
    family.up_again()
    assert family.look.rows(children) == before
    assert len(before) == 3


@pytest.mark.usefixtures("enforced")
def test_a_connection_goes_back_to_the_app_as_it_came(family: Desk) -> None:
    family.models(FAMILY.format(arguments="", name=", unique=True"))
    family.make()
    family.shop.edit(
        "alembic/env.py", "connectable.connect()", "config.attributes['engine'].connect()"
    )
    engine = create_engine(sync_url(family.shop.url))
    for go in (family.up_again, family.down):
        go(engine=engine)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def test_only_what_needs_it_is_copied(family: Desk) -> None:
    family.models(
        FAMILY.format(arguments="", name=", index=True").replace(
            "age = mapped_column(sa.Integer)", "height: Mapped[int] = mapped_column(default=3)"
        )
    )
    text = family.stairs(guess=False)
    upgrade, downgrade = text.split("def downgrade")
    assert "drop_column('parent', 'age')" in upgrade
    assert "batch_alter_table" not in downgrade


def test_a_copy_keeps_triggers_counters_and_indexes_on_expressions(family: Desk) -> None:
    family.models(FAMILY.format(arguments=LOWER, name=""))
    family.stairs()
    family.look.execute(
        "CREATE TRIGGER older AFTER INSERT ON parent BEGIN "
        "UPDATE parent SET age = age + 1 WHERE id = new.id; END"
    )
    family.models(FAMILY.format(arguments=LOWER, name=", nullable=False"))
    family.stairs()
    family.look.execute("INSERT INTO parent VALUES (2, 'y', 1)")
    assert family.look.rows("SELECT age FROM parent WHERE id = 2") == [(2,)]
    kept = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%lower(name)%'"
    assert family.look.rows(kept) == [("ix_lower",)]


def test_a_copy_keeps_checks_without_names_and_the_counter(family: Desk) -> None:
    family.look.execute(
        "DROP TABLE child",
        "DROP TABLE parent",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20) "
        "CHECK (name <> 'no'), age INTEGER, UNIQUE (name))",
    )
    family.models(FAMILY.format(arguments="", name="").partition("class Child")[0])
    family.stairs()
    (sql,) = family.look.rows("SELECT sql FROM sqlite_master WHERE name = 'parent'")[0]
    assert "AUTOINCREMENT" in sql
    assert "name <> 'no'" in sql
    assert "UNIQUE" not in sql


@pytest.mark.parametrize("change", ["lower(name || 'x')", None])
def test_an_index_on_an_expression_is_compared(family: Desk, change: str | None) -> None:
    family.models(FAMILY.format(arguments=LOWER, name=""))
    family.stairs()
    after = LOWER.replace("lower(name)", change) if change else ""
    family.models(FAMILY.format(arguments=after, name=""))
    text = family.stairs()
    assert "drop_index('ix_lower'" in text


ENUM = """
class Kind(enum.Enum):
    {members}

class Thing(Base):
    __tablename__ = "thing"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind = mapped_column(
        sa.Enum(Kind, native_enum=False, create_constraint=True{name}), nullable=False
    )
"""


@pytest.mark.parametrize("name", ["", ', name="kinds"'])
def test_the_check_of_an_enum_follows_its_values(desk: Desk, name: str) -> None:
    desk.models(ENUM.format(members="a = 1; b = 2", name=name))
    desk.stairs()
    desk.look.execute("INSERT INTO thing VALUES (1, 'a')")
    desk.models(ENUM.format(members="a = 1; b = 2; longer = 3", name=name))
    desk.stairs()
    desk.look.execute("INSERT INTO thing VALUES (2, 'longer')")
    with pytest.raises(Exception, match="CHECK constraint failed"):
        desk.look.execute("INSERT INTO thing VALUES (3, 'wrong')")


def test_a_foreign_key_without_a_name_can_go(family: Desk) -> None:
    family.look.execute(
        "DROP TABLE child",
        "CREATE TABLE child (id INTEGER NOT NULL PRIMARY KEY, parent_id INTEGER REFERENCES parent, "
        "other_id INTEGER REFERENCES parent (id) ON DELETE SET NULL)",
    )
    models = FAMILY.format(arguments="", name="")
    family.models(models.replace('sa.ForeignKey("parent.id", ondelete="CASCADE")', "sa.Integer"))
    text = family.stairs()
    assert "naming_convention={'fk'" in text


def test_a_table_is_copied_once_for_all_that_changes(family: Desk) -> None:
    models = FAMILY.format(arguments="", name=", nullable=False, unique=True")
    family.models(models.replace("age = mapped_column(sa.Integer)", "age: Mapped[int]"))
    text = family.stairs(backfill=("name='x'", "age=1 + 1"))
    assert text.partition("def downgrade")[0].count("batch_alter_table") == 1


def test_an_index_on_an_expression_follows_a_renamed_column(family: Desk) -> None:
    family.models(FAMILY.format(arguments=LOWER, name=""))
    family.up()
    renamed = FAMILY.format(arguments=LOWER.replace("(name)", "(called)"), name="")
    family.models(renamed.replace("    name = ", "    called = "))
    text = family.stairs(rename=("parent.name:called",))
    assert "ix_lower" not in text
