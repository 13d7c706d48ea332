"""What the history keeps of records that change along with others, and of files of accounts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel

from backoffice.admin import Admin
from backoffice.auth import Auth, User
from tests.admin.conftest import House
from tests.admin.history.changes import changes, told
from tests.auth.conftest import AppWithAccounts
from tests.auth.user_files.conftest import Importer


class Town(SQLModel, registry=registry()):
    """A metadata of its own."""


class Street(Town, table=True):
    __tablename__ = "town_street"

    id: int | None = Field(default=None, primary_key=True)
    name: str = ""
    houses: list["Building"] = Relationship(back_populates="street", passive_deletes="all")


class Building(Town, table=True):
    __tablename__ = "town_building"

    id: int | None = Field(default=None, primary_key=True)
    street_id: int = Field(foreign_key="town_street.id", ondelete="CASCADE")
    street: Street = Relationship(back_populates="houses")


class Door(Town, table=True):
    __tablename__ = "town_door"

    id: int | None = Field(default=None, primary_key=True)
    building_id: int | None = Field(
        default=None, foreign_key="town_building.id", ondelete="SET NULL", nullable=True
    )


class TownHouse(House):
    """An app with streets, buildings and doors."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Street, Building, Door])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


def create_tables(url: str) -> None:
    engine = create_engine(url.replace("+aiosqlite", ""))
    own = [each for name, each in User.metadata.tables.items() if name.startswith("backoffice_")]
    User.metadata.create_all(engine, tables=own)
    Town.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def town(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TownHouse]:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("town", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    with TownHouse() as found:
        yield found


def test_what_the_database_deletes_and_empties_by_itself_is_told_of(town: TownHouse) -> None:
    """Level by level: the buildings of a street go, and their doors lead nowhere."""
    town.add(Street(id=1, name="Long"), Street(id=2, name="Short"))
    town.add(Building(id=10, street_id=1), Building(id=20, street_id=2))
    town.add(Door(id=100, building_id=10), Door(id=200, building_id=20))
    town.signed_in("streets:*", "buildings:*", "doors:*")
    assert town.send("/streets/action", {"name": "delete", "pks": "1"}).status_code == 303
    assert told(town, "streets") == [("delete", "1", {"id": [1, None], "name": ["Long", None]})]
    assert told(town, "buildings") == [("delete", "10", {"id": [10, None], "street_id": [1, None]})]
    assert told(town, "doors") == [("change", "100", {"building_id": [10, None]})]


def test_what_a_relationship_sets_is_told_of_at_its_column(town: TownHouse) -> None:
    """From which to which."""
    town.add(Street(id=1), Street(id=2), Building(id=10, street_id=1))
    town.signed_in("streets:*", "buildings:*")
    assert town.send("/buildings/edit?pk=10", {"street_id": "2"}).status_code == 303
    assert told(town, "buildings") == [("change", "10", {"street_id": [1, 2]})]


def test_accounts_from_a_file_are_told_of_one_by_one(house: House, tmp_path: Path) -> None:
    """Though they are written many at once."""
    house.call(house.services.roles.create("editor", ["books:*"], actor="test"))
    importer = Importer(house, tmp_path)
    importer(*({"email": f"user{each}@example.com", "roles": ["editor"]} for each in range(3)))
    made = changes(house, "users", "add")
    assert {each.label for each in made} == {f"user{each}@example.com" for each in range(3)}
    assert len(made) == 3
    assert {each.actor for each in made} == {"test"}
    assert all(each.changes["roles"][1]["v"] == ["editor"] for each in made)
