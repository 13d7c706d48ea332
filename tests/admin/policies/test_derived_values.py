"""What is made of what somebody may not read is not shown to them, however it is made."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from sqlalchemy import Column, Computed, Integer, create_engine, func, select
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import column_property, registry
from sqlmodel import Field, Relationship, SQLModel

from backoffice.admin import Admin, ModelAdmin, column
from backoffice.admin.history.models import Change
from backoffice.auth import Auth
from tests.admin.conftest import House, create_tables
from tests.auth.conftest import AppWithAccounts
from tests.services.databases import Databases


class Gallery(SQLModel, registry=registry()):
    """A metadata of its own."""


class Painter(Gallery, table=True):
    __tablename__ = "gallery_painter"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    fee: int = 0
    town_id: int | None = Field(default=None, foreign_key="gallery_town.id")
    town: "Town" = Relationship(sa_relationship_kwargs={"lazy": "joined"})


class Town(Gallery, table=True):
    __tablename__ = "gallery_town"

    id: int | None = Field(default=None, primary_key=True)
    name: str


class Picture(Gallery, table=True):
    __tablename__ = "gallery_picture"

    id: int | None = Field(default=None, primary_key=True)
    title: str
    price: int
    pin_hash: str = "never-shown"
    doubled: int | None = Field(
        default=None, sa_column=Column("doubled", Integer, Computed("price * 2"))
    )
    painter_id: int = Field(foreign_key="gallery_painter.id")
    painter: Painter = Relationship(sa_relationship_kwargs={"lazy": "joined"})
    signed: ClassVar[AssociationProxy[str]] = association_proxy("painter", "name")

    def __str__(self) -> str:
        return f"{self.title} by {self.painter.name}"

    @property
    def signature(self) -> str:
        return f"signed {self.signed}"

    def caption(self) -> str:
        return f"caption of {self.title}"

    def receipt(self) -> str:
        return f"paid {self.price}"


inspected: Any = Picture.__mapper__  # type: ignore[attr-defined]
table: Any = Picture.__table__  # type: ignore[attr-defined]
painters: Any = Painter.__table__  # type: ignore[attr-defined]
inspected.add_property("halved", column_property(table.c.price / 2))
inspected.add_property("backwards", column_property(func.lower(table.c.pin_hash)))
inspected.add_property(
    "raised",
    column_property(
        select(painters.c.fee + 1000).where(painters.c.id == table.c.painter_id).scalar_subquery()
    ),
)


@column("Town", relations=("painter",))
def town(picture: Picture) -> str:
    return f"from {picture.painter.town.name}"


@column("Undeclared")
def undeclared(picture: Picture) -> str:
    return f"by {picture.painter.name}"


class PicturePage(ModelAdmin):
    model = Picture
    list_display = (
        "title",
        "painter",
        "doubled",
        "halved",
        "raised",
        "signature",
        "caption",
        "receipt",
        undeclared,
        town,
    )

    @staticmethod
    def view_on_site(picture: Picture) -> str:
        return f"/costs/{picture.price}/{picture.painter.name}"


class Museum(House):
    def __init__(self) -> None:
        auth, app = Auth(), FastAPI()
        AppWithAccounts.__init__(self, auth, app, follow_redirects=False)
        auth.fields(Picture, read={"price": "pictures:see-price"})
        auth.fields(Painter, read={"fee": "painters:see-fee"})
        self.admin = Admin(auth, models=[PicturePage, Painter, Town])
        app.include_router(auth.router, prefix="/auth")
        app.include_router(self.admin.router, prefix="/admin")


def tables(url: str) -> None:
    create_tables(url)
    engine = create_engine(url.replace("+aiosqlite", ""))
    Gallery.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def museum(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Museum]:
    with sqlite_databases.copy("gallery", tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with Museum() as found:
            found.add(Town(id=1, name="Rome"))
            found.add(Painter(id=1, name="Ada", fee=31_000, town_id=1))
            found.add(Picture(id=1, title="One", price=4242, painter_id=1))
            yield found


#: What is made of the price, of a painter's fee, of painters, and of towns.
OF_PRICE = ("8484", "2121", "paid 4242", "/costs/4242/Ada")
OF_FEE = ("32000",)
OF_PAINTERS = ("signed Ada", "by Ada", "One by Ada")
OF_TOWNS = ("from Rome",)
ALL = (*OF_PRICE, *OF_FEE, *OF_PAINTERS, *OF_TOWNS)


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ((), ()),
        (("painters:view", "painters:see-fee", "towns:view"), OF_FEE),
        (("pictures:see-price", "painters:view"), OF_PRICE[:3]),
        (("pictures:see-price", "painters:*", "towns:view"), ALL),
    ],
    ids=["nothing", "all but prices", "prices", "everything"],
)
def test_what_is_derived_is_shown_to_those_who_may_read_all_that_it_is_made_of(
    museum: Museum, more: tuple[str, ...], seen: tuple[str, ...]
) -> None:
    museum.signed_in("pictures:view", "pictures:export", *more)
    pages = ("/pictures", "/pictures/detail?pk=1", "/pictures/export?format=json")
    text = "".join(museum.open(each).text for each in pages)
    assert "caption of One" in text
    assert {each for each in ALL if each in text} == set(seen)


def test_what_is_made_of_a_secret_is_one(museum: Museum) -> None:
    """Neither shown nor written into the history."""
    museum.signed_in(superuser=True)
    fields = {each.name for each in museum.admin.site.records()[0].fields}
    assert {"halved", "raised", "doubled"} <= fields
    assert fields.isdisjoint({"pin_hash", "backwards"})
    sent = {"title": "Two", "price": "1", "painter_id": "1"}
    assert museum.send("/pictures/add", sent).status_code == 303
    assert "never-shown" not in repr([each.changes for each in museum.all(Change)])
