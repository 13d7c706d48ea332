"""What a database refuses stands at its field, in words, with everything typed kept."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    String,
    UniqueConstraint,
    create_engine,
    func,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backoffice.admin import Admin
from backoffice.auth import Auth
from tests.admin.conftest import House, create_tables, fields_of
from tests.auth.conftest import AppWithAccounts


class Depot(SQLModel, registry=registry()):
    """A metadata of its own."""


class Kind(Depot, table=True):
    """Has no page."""

    __tablename__ = "depot_kind"

    id: int | None = Field(default=None, primary_key=True)


class Item(Depot, table=True):
    __tablename__ = "depot_item"
    __table_args__ = (
        UniqueConstraint("shelf", "place", name="uq_depot_item_place"),
        CheckConstraint("amount > 0", info={"message": "An item is there at least once."}),
        CheckConstraint("size IN ('S', 'M', 'L')", name="ck_depot_item_size"),
        CheckConstraint("low <= high", name="ck_depot_item_range"),
        CheckConstraint("low + high < 1000", name="ck_depot_item_sum"),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column=Column("item_name", String(10), nullable=False))
    shelf: str = "A"
    place: int = 1
    amount: int = 1
    size: str = "S"
    low: int = 0
    high: int = 10
    tiny: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    share: Decimal = Field(default=Decimal(0), sa_column=Column(Numeric(4, 2), nullable=False))
    kind_id: int | None = Field(default=None, sa_column=Column(Integer, nullable=True, index=True))
    other_kind: int | None = Field(default=None, foreign_key="depot_kind.id")


Index("ix_depot_item_name", func.lower(Item.__table__.c.item_name), unique=True)  # type: ignore[attr-defined]


def create_depot(url: str) -> None:
    create_tables(url)
    engine = create_engine(url.replace("+aiosqlite", ""))
    Depot.metadata.create_all(engine)
    engine.dispose()


class DepotHouse(House):
    """An app whose admin shows the items, and not their kinds."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Item])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


@pytest.fixture
def settings(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment that the app reads."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("depot", create_depot))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)


@pytest.fixture
def depot(settings: None) -> Iterator[House]:
    """Two items, and somebody who may do everything to them."""
    with DepotHouse() as house:
        house.add(Kind(id=1), Item(name="Nail"), Item(name="Screw", shelf="B"))
        house.signed_in("items:*")
        yield house


ERRORS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"name": "SCREW"}, {"name": "There is one already with this value."}),
    (
        {"shelf": "B"},
        {
            "shelf": "There is one already with the same Shelf and Place.",
            "place": "There is one already with the same Shelf and Place.",
        },
    ),
    ({"amount": "0"}, {"amount": "An item is there at least once."}),
    ({"size": "XL"}, {"size": "This has to be one of S, M, L."}),
    ({"low": "11"}, {"low": "This has to be at most High."}),
    ({"high": "1000"}, {"low": "This breaks the rule ck_depot_item_sum."}),
    ({"name": "x" * 11}, {"name": "This may have at most 10 characters; it has 11."}),
    ({"other_kind": "7"}, {"other_kind": "There is no such depot kind"}),
]
#: What SQLite keeps.
RANGES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"tiny": "40000"}, {"tiny": "This has to be between -32,768 and 32,767."}),
    ({"share": "100"}, {"share": "This may have at most 2 digits before the point."}),
    ({"place": str(2**40)}, {"place": "This has to be between -2,147,483,648"}),
]


def test_each_constraint_speaks_at_its_field(depot: House, subtests: pytest.Subtests) -> None:
    """And what was typed besides is kept."""
    before = depot.get(Item, 1)
    cases = ERRORS + RANGES * (depot.services.database.dialect == "postgresql")
    for form, told in cases:
        with subtests.test(f"{form}"):
            answer = depot.send("/items/edit?pk=1", {"shelf": "Z", **form})
            if "shelf" in form:
                answer = depot.send("/items/edit?pk=1", form)
            assert answer.status_code == 422
            for field, message in told.items():
                error = answer.text.split(f'id="{field}-error">')[1].split("</p>")[0]
                assert message in error
            kept = fields_of(answer.text)
            assert {name: kept[name] for name in form} == form
            assert depot.get(Item, 1) == before


def test_a_key_that_exists_is_taken(depot: House) -> None:
    assert depot.send("/items/edit?pk=1", {"other_kind": "1"}).status_code == 303
    found = depot.get(Item, 1)
    assert found is not None
    assert found.other_kind == 1
