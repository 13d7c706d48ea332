"""Values of an enum come, go and get other names, with the rows that have them."""

from collections.abc import Iterator

import pytest

from backoffice.core import InvalidInput
from tests.migrations.drafting import Desk
from tests.services.databases import Databases


@pytest.fixture
def database_url(postgres_databases: Databases) -> Iterator[str]:
    with postgres_databases.empty() as url:
        yield url


def orders(*values: str, default: str | None = None, more: str = "") -> str:
    given = f", server_default={default!r}" if default else ""
    return f"""
        class Order(Base):
            __tablename__ = "order"
            id: Mapped[int] = mapped_column(primary_key=True)
            status = mapped_column(sa.Enum({", ".join(map(repr, values))}, name="status"){given})
            past = mapped_column(sa.ARRAY(sa.Enum({", ".join(map(repr, values))}, name="status")))
            {more}
    """


@pytest.fixture
def ordered(desk: Desk) -> Desk:
    """One order that is open, of a type with two values."""
    desk.models(orders("open", "paid", default="open"))
    desk.up()
    desk.look.execute("INSERT INTO \"order\" VALUES (1, 'open', '{open,paid}')")
    return desk


def labels(desk: Desk) -> list[str]:
    found = desk.look.rows("SELECT unnest(enum_range(NULL::status))::text")
    return [each for (each,) in found]


@pytest.mark.parametrize(
    "values",
    [
        ("new", "open", "paid"),
        ("open", "late", "paid"),
        ("open", "paid", "lost", "it's: back"),
        ("a", "b", "open", "c", "paid", "d"),
    ],
)
def test_values_are_added_where_the_model_has_them(ordered: Desk, values: tuple[str, ...]) -> None:
    ordered.models(orders(*values, default="open"))
    text = ordered.stairs()
    assert "ADD VALUE IF NOT EXISTS" in text
    assert labels(ordered) == list(values)
    assert ordered.look.rows('SELECT status::text FROM "order"') == [("open",)]


def test_adding_a_value_rewrites_nothing(ordered: Desk) -> None:
    node = "SELECT pg_relation_filenode('\"order\"')"
    before = ordered.look.rows(node)
    ordered.models(orders("open", "paid", "lost", default="open"))
    ordered.up()
    assert ordered.look.rows(node) == before


def test_a_value_that_is_added_may_be_the_default_at_once(ordered: Desk) -> None:
    ordered.models(orders("new", "open", "paid", default="new"))
    ordered.stairs()


def test_a_renamed_value_is_renamed_and_the_rows_with_it(ordered: Desk) -> None:
    ordered.models(orders("begun", "paid", default="begun"))
    with pytest.raises(InvalidInput, match=r"--rename status\.open:begun") as refusal:
        ordered.make()
    assert refusal.value.code == "rename_unclear"
    text = ordered.stairs(rename=("status.open:begun",))
    assert "RENAME VALUE 'open' TO 'begun'" in text
    assert ordered.look.rows('SELECT status::text, past::text FROM "order"') == [
        ("begun", "{begun,paid}")
    ]


def test_a_value_that_is_gone_is_taken_out_of_the_type(ordered: Desk) -> None:
    ordered.models(orders("open", default="open"))
    with pytest.raises(InvalidInput, match=r"1 rows have 'paid' in order\.past") as refusal:
        ordered.make()
    assert refusal.value.code == "enum_value_used"
    ordered.look.execute("UPDATE \"order\" SET past = '{open}'")
    ordered.stairs()
    assert labels(ordered) == ["open"]
    assert ordered.look.rows('SELECT status::text FROM "order"') == [("open",)]


def test_rows_with_a_value_that_is_gone_can_be_given_another(ordered: Desk) -> None:
    ordered.models(orders("paid"))
    ordered.stairs(rename=("status.open:paid",))
    assert ordered.look.rows('SELECT status::text, past::text FROM "order"') == [
        ("paid", "{paid,paid}")
    ]


def test_a_column_brings_its_type_and_takes_it_along(ordered: Desk) -> None:
    more = 'kind = mapped_column(sa.Enum("a", "b", name="kind"))'
    ordered.models(orders("open", "paid", default="open", more=more))
    ordered.stairs()
    types = "SELECT typname FROM pg_type WHERE typtype = 'e' ORDER BY 1"
    assert ordered.look.rows(types) == [("kind",), ("status",)]
    ordered.models(orders("open", "paid", default="open"))
    ordered.stairs()
    assert ordered.look.rows(types) == [("status",)]


@pytest.mark.parametrize("values", [("open", "paid", "late"), ("open",)])
@pytest.mark.parametrize(
    "rule",
    [
        "sa.Index('ix_open', 'id', postgresql_where=sa.text(\"status = 'open'\"))",
        "sa.CheckConstraint(\"status <> 'open' OR id > 0\", name='open')",
    ],
)
def test_a_condition_on_the_values_stays(desk: Desk, rule: str, values: tuple[str, ...]) -> None:
    more = f"__table_args__ = ({rule},)"
    desk.models(orders("open", "paid", more=more))
    desk.up()
    desk.look.execute("INSERT INTO \"order\" VALUES (1, 'open', '{}')")
    desk.models(orders(*values, more=more))
    desk.stairs()


def test_a_view_that_reads_the_values_is_told_of(ordered: Desk) -> None:
    ordered.look.execute('CREATE VIEW states AS SELECT status FROM "order"')
    ordered.models(orders("open", "paid", "lost", default="open"))
    made = ordered.make()
    assert made is not None
    assert any("states reads order.status" in each for each in made.warnings)


def test_two_tables_share_a_type(desk: Desk) -> None:
    desk.models(
        """
        class Kind(enum.Enum):
            one = "1"
            two = "2"

        class First(Model, table=True):
            id: int = Field(primary_key=True)
            kind: Kind

        class Second(Model, table=True):
            id: int = Field(primary_key=True)
            kind: Kind = Kind.one
        """
    )
    desk.stairs()


def test_the_values_survive_a_rename_of_their_table_and_column(ordered: Desk) -> None:
    ordered.models(
        """
        class Sale(Base):
            __tablename__ = "sale"
            id: Mapped[int] = mapped_column(primary_key=True)
            state = mapped_column(
                sa.Enum("late", "open", name="status"), server_default="open"
            )
            past = mapped_column(sa.ARRAY(sa.Enum("late", "open", name="status")))
        """
    )
    ordered.stairs(rename=("order:sale", "sale.status:state", "status.paid:open"))
    assert ordered.look.rows("SELECT state::text, past::text FROM sale") == [
        ("open", "{open,open}")
    ]


def test_models_in_a_schema_of_their_own_are_compared_there(desk: Desk) -> None:
    models = """
        class Book(Base):
            __tablename__ = "book"
            __table_args__ = {{"schema": "shop"}}
            id: Mapped[int] = mapped_column(primary_key=True)
            kind = mapped_column(sa.Enum({values}, name="kind", schema="shop"), index=True)
    """
    desk.look.execute("CREATE SCHEMA other", "CREATE TABLE other.book (id int)")
    desk.models(models.format(values="'a', 'b'"))
    desk.stairs()
    desk.models(models.format(values="'a', 'b', 'c'"))
    desk.stairs()


def test_partitions_are_left_to_their_table(ordered: Desk) -> None:
    ordered.shop.revision(
        "parts",
        ordered.head,
        'op.execute("CREATE TABLE event (at int) PARTITION BY RANGE (at)")\n'
        'op.execute("CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2)")',
    )
    ordered.run()
    more = 'event = sa.Table("event", Base.metadata, sa.Column("at", sa.Integer))'
    ordered.models(orders("open", "paid", default="open") + f"\n        {more}\n")
    assert ordered.make() is None
