"""What `Admin` and `ModelAdmin` take, what they refuse, and what doctor says of them."""

from typing import Any, ClassVar

import anyio
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Field, SQLModel

from backoffice.admin import Admin, AdminSettings, ModelAdmin
from backoffice.admin.checks import admin_checks
from backoffice.admin.labels import column_label, plural, record_label, resource_of, words
from backoffice.auth import Auth, User
from backoffice.core import Finding, Run, SetupError
from tests.admin.conftest import BookAdmin, House
from tests.admin.library import Author, Book, Library, Tag


class Plain(SQLModel):
    """No table."""

    id: int = 1


def admin_of(**options: Any) -> Admin:
    return Admin(Auth(), models=[type("SomeAdmin", (ModelAdmin,), {"model": Book, **options})])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"list_display": ["titel"]}, "no field 'titel'; there are id, title"),
        ({"list_display": ["password_hash"]}, "no field 'password_hash'"),
        ({"search_fields": ["price"]}, "'price' holds no text"),
        ({"ordering": ["-nothing"]}, "no field 'nothing'"),
        ({"readonly_fields": ["nothing"]}, "no field 'nothing'"),
        ({"resource": "My Books"}, "cannot be the name of a resource"),
        ({"resource": "users"}, "cannot both be called 'users'"),
        ({"resource": "login"}, "cannot both be called 'login'"),
        ({"resource": "migrations"}, "cannot both be called 'migrations'"),
        ({"model": Plain}, "is not a SQLModel class with table=True"),
        ({"model": None}, "is not a SQLModel class with table=True"),
        ({"model": User}, "have pages of their own already"),
    ],
)
def test_a_wrong_option_is_told_when_the_app_is_made(options: dict[str, Any], told: str) -> None:
    """With what would be right, before any request."""
    with pytest.raises(SetupError, match=told):
        admin_of(**options)


@pytest.mark.parametrize("given", [Plain, "Book", None, 1, dict])
def test_what_is_no_model_is_refused(given: Any) -> None:
    """By a sentence, not by a traceback of somebody else's."""
    with pytest.raises(SetupError, match="takes SQLModel classes"):
        Admin(Auth(), models=[given])


def test_one_model_has_one_page() -> None:
    """Two pages of one name would hide each other."""
    with pytest.raises(SetupError, match="cannot both be called 'books'"):
        Admin(Auth(), models=[Book, BookAdmin])


def test_a_reference_to_a_model_without_a_page_is_a_plain_column(house: House) -> None:
    """`Admin(models=[Book])` needs no page for authors."""
    view = Admin(house.auth, models=[Book]).site._model_views[0]
    assert next(each for each in view.fields if each.name == "author_id").type == "IntegerField"
    assert "tags" not in [each.name for each in view.fields]


def test_columns_of_every_type_have_a_field() -> None:
    """A type that no form can hold is shown and never written: no app fails to start by it."""
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal
    from uuid import UUID

    from sqlalchemy import ARRAY, Column, Double, Integer, Interval, LargeBinary, PickleType, String
    from sqlalchemy import Enum as Choice
    from sqlalchemy.dialects.postgresql import CIDR, INET, INT4RANGE, JSONB, MONEY, TSVECTOR

    class Everything(Library, table=True):
        __tablename__ = "library_everything"

        id: int | None = Field(default=None, primary_key=True)
        a: str
        b: int
        c: float
        d: Decimal
        e: bool
        f: datetime
        g: date
        h: time
        i: timedelta
        j: UUID
        k: bytes = Field(sa_column=Column(LargeBinary))
        l1: Any = Field(sa_column=Column(PickleType))
        m: Any = Field(sa_column=Column(ARRAY(String)))
        n: Any = Field(sa_column=Column(ARRAY(Integer, dimensions=2)))
        o: Any = Field(sa_column=Column(CIDR))
        p: Any = Field(sa_column=Column(INET))
        q: Any = Field(sa_column=Column(INT4RANGE))
        r: Any = Field(sa_column=Column(JSONB))
        s: Any = Field(sa_column=Column(MONEY))
        t: Any = Field(sa_column=Column(TSVECTOR))
        u: Any = Field(sa_column=Column(Double))
        v: Any = Field(sa_column=Column(Interval))
        w: Any = Field(sa_column=Column(Choice("x", "y", name="xy")))

        __table_args__: ClassVar[dict[str, str]] = {"comment": "never created"}

    try:
        view = Admin(Auth(), models=[Everything]).site._model_views[0]
    finally:
        Library.metadata.remove(Everything.__table__)  # type: ignore[attr-defined]
    names = {each.name for each in view.fields}
    assert names == {"id", *"abcdefghij", "k", "l1", *"mnopqrstuvw"}
    assert {each.name for each in view.fields if each.read_only} == {"k", "l1", "s", "t"}


@pytest.mark.parametrize(
    ("name", "resource"),
    [("Book", "books"), ("OrderLine", "order-lines"), ("Category", "categories"), ("Box", "boxes")],
)
def test_a_resource_is_named_after_its_model(name: str, resource: str) -> None:
    """In the plural, for addresses and permissions."""
    assert resource_of(type(name, (SQLModel,), {})) == resource


def test_names_are_made_for_people() -> None:
    """Of classes and columns."""
    assert words("HTTPLog") == "Http log"
    assert column_label("author_id") == "Author ID"
    assert column_label("is_active") == "Active"
    assert plural("API key") == "API keys"


def test_a_record_is_called_by_its_own_name() -> None:
    """By `__str__` if it has one, else by what looks like a name, else by its key."""

    class Named(Plain):
        def __str__(self) -> str:
            return "by\nitself"

    assert record_label(Named(), "1") == "by itself"
    assert record_label(Author(name="Ada"), "1") == "Ada"
    assert record_label(Author(name="  "), "7") == "Author 7"
    assert record_label(Tag(name="x" * 500), "1").endswith("…")


def test_settings_come_from_the_environment(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the app starts; a wrong one is told by its variable."""
    monkeypatch.setenv("BACKOFFICE_ADMIN__TITLE", "The <Shop>")
    house = House()
    with TestClient(house.app) as client:
        assert "The &lt;Shop&gt;" in client.get("/admin/login").text
    monkeypatch.setenv("BACKOFFICE_ADMIN__PAGE_SIZE", "0")
    with pytest.raises(SetupError, match="BACKOFFICE_ADMIN__PAGE_SIZE"), TestClient(House().app):
        pass


def test_settings_may_be_given(settings: None) -> None:
    """Instead of the environment's."""
    auth = Auth()
    admin = Admin(auth, settings=AdminSettings(title="Given"))
    app = FastAPI()
    app.include_router(admin.router, prefix="/back")
    with TestClient(app) as client:
        assert "Given" in client.get("/back/login").text


def test_doctor_says_whether_anybody_may_enter(settings: None) -> None:
    """A superuser, or somebody with a role that lets them in."""
    house = House()

    async def findings(app: FastAPI) -> list[Finding]:
        async with Run(app) as run:
            return [each async for each in admin_checks(run)]

    async def with_role(*permissions: str) -> None:
        async with Run(house.app) as run:
            services = await run.open(house.auth.services)
            name = " ".join(permissions)
            await services.roles.create(name, permissions, actor="test")
            await services.users.create(
                f"{name.replace(':*', '')}@example.com", "correct horse", roles=[name], actor="test"
            )

    (none,) = anyio.run(findings, house.app)
    assert (none.level, none.message) == ("warning", "nobody may enter the admin")
    assert "--superuser" in none.fix
    anyio.run(with_role, "books:*")
    assert anyio.run(findings, house.app)[0].level == "warning"
    anyio.run(with_role, "admin:*")
    assert anyio.run(findings, house.app)[0].level == "ok"
    (missing,) = anyio.run(findings, FastAPI())
    assert missing.level == "warning"
    assert "admin.router" in missing.fix
