"""What a table of users may be like, and what is said of one that will not do."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlmodel import Field, SQLModel

from backoffice.auth import Auth, UserModel
from backoffice.auth.testing import PASSWORD
from backoffice.core import Conflict, Database, InvalidInput, SetupError
from backoffice.core.testing import RunningApp
from backoffice.migrations import upgrade
from tests.auth.conftest import AppWithAccounts


class Base(DeclarativeBase):
    pass


class Member(Base):
    """A plain SQLAlchemy model with next to nothing."""

    __tablename__ = "members"

    uid: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    mail: Mapped[str] = mapped_column(String(200), unique=True)
    secret: Mapped[str] = mapped_column(String(200))
    #: Of the app's own making, and nothing to do with ours of the name.
    created_at: Mapped[datetime | None]
    locked_until: Mapped[str | None]


class Customer(Base):
    """A model that needs more than we know."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    hashed_password: Mapped[str | None]
    country: Mapped[str]
    is_active: Mapped[bool]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))


class Twins(Base):
    __tablename__ = "twins"
    one: Mapped[int] = mapped_column(primary_key=True)
    two: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    hashed_password: Mapped[str]


class Named(Base):
    __tablename__ = "named"
    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    hashed_password: Mapped[str]


class Loose(Base):
    __tablename__ = "loose"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    hashed_password: Mapped[str]


class Narrow(Base):
    __tablename__ = "narrow"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    hashed_password: Mapped[str] = mapped_column(String(60))
    is_active: Mapped[int]


class Staff(Customer):
    __tablename__ = "staff"
    id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)


class Shape(SQLModel):
    id: int = Field(primary_key=True)


Made = Callable[[UserModel], AppWithAccounts]


@pytest.fixture
def app(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Runs an app with these users, whose table is there."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    opened: list[AppWithAccounts] = []

    def made(users: UserModel) -> AppWithAccounts:
        create(database_url)
        upgrade(database_url, user_table=users.name)
        opened.append(with_accounts(users).__enter__())
        return opened[-1]

    yield made
    for each in opened:
        each.__exit__(None, None, None)


def create(url: str) -> None:
    engine = Database(url).sync_engine
    Base.metadata.create_all(engine)
    engine.dispose()


def with_accounts(users: UserModel | None) -> AppWithAccounts:
    auth, app = Auth(user_model=users), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    return AppWithAccounts(auth, app)


def members(**more: Any) -> UserModel:
    return UserModel(Member, email="mail", hashed_password="secret", **more)


@pytest.mark.parametrize(
    ("model", "names", "told"),
    [
        (Shape, {}, "takes a mapped class"),
        (int, {}, "takes a mapped class"),
        (Twins, {}, "the key of Twins must be one column"),
        (Named, {}, "the key of Named must be one column, a UUID or an integer"),
        (Loose, {}, "Loose.email is not unique"),
        (Narrow, {"is_active": None}, "Narrow.hashed_password holds 60 characters"),
        (Narrow, {}, "Narrow.is_active is no boolean"),
        (Member, {}, "Member has no column 'email'; there are uid, mail"),
        (Customer, {"is_superuser": "boss"}, "Customer has no column 'boss'"),
        (Staff, {}, "Staff is not mapped onto one table"),
    ],
)
def test_a_table_that_will_not_do_is_refused_when_the_app_is_made(
    model: type[Any], names: dict[str, Any], told: str
) -> None:
    with pytest.raises(SetupError, match=told):
        Auth(user_model=UserModel(model, **names))


def test_the_class_alone_will_do_where_it_has_our_names() -> None:
    assert Auth(user_model=Customer).users.name == "customers"


def test_what_a_table_does_not_have_is_kept_beside(app: Made) -> None:
    running = app(members())
    users = running.services.users
    ann = running.accounts.user("ann@example.com", superuser=True)
    assert (ann.is_active, ann.is_superuser, ann.is_verified) == (True, True, False)
    assert isinstance(ann.id, uuid.UUID)
    assert ann.created_at.tzinfo is not None
    bob = running.accounts.user("bob@example.com")
    running.call(users.change(bob.id, {"is_active": False, "is_verified": True}, actor="test"))
    found = running.call(users.get(bob.id))
    assert (found.is_active, found.is_verified, found.locked_until) == (False, True, None)
    assert [each.email for each in running.call(users.all())] == [ann.email, bob.email]
    assert running.call(users.superusers()) == 1


def test_who_is_deactivated_beside_the_table_is_out(app: Made) -> None:
    running = app(members())
    bob = running.accounts.user("bob@example.com", password=PASSWORD)
    client = running.accounts.signed_in(user=bob)
    assert client.get("/auth/me").json()["id"] == str(bob.id)
    running.call(running.services.users.change(bob.id, {"is_active": False}, actor="test"))
    assert client.get("/auth/me").status_code == 401
    form = {"username": "bob@example.com", "password": PASSWORD}
    assert running.client.post("/auth/login", data=form).status_code == 401


def test_the_last_superuser_beside_the_table_stays(app: Made) -> None:
    running = app(members())
    ann = running.accounts.user("ann@example.com", superuser=True)
    with pytest.raises(Conflict, match="last active superuser"):
        running.call(running.services.users.change(ann.id, {"is_superuser": False}, actor="test"))
    with pytest.raises(Conflict, match="last active superuser"):
        running.call(running.services.users.delete(ann.id, actor="test"))


def test_two_users_who_differ_by_case_alone_are_neither_taken_for_the_other(app: Made) -> None:
    running = app(members())

    async def add() -> None:
        async with running.services.database.session() as session:
            session.add_all(
                Member(mail=each, secret="!") for each in ("Eve@example.com", "eve@example.com")
            )
            await session.commit()

    running.call(add())
    client = running.client
    form = {"username": "eve@example.com", "password": PASSWORD}
    assert client.post("/auth/login", data=form).status_code == 401
    body = {"email": "eve@example.com", "password": PASSWORD}
    assert client.post("/auth/register", json=body).status_code == 202
    ann = running.accounts.user("ann@example.com")
    with pytest.raises(Conflict, match="taken"):
        running.call(running.services.users.change(ann.id, {"email": "EVE@example.com"}, actor=""))


def test_a_class_that_needs_more_is_made_by_the_app(app: Made) -> None:
    running = app(UserModel(Customer))
    with pytest.raises(InvalidInput, match="Customer needs country") as refused:
        running.accounts.user("ann@example.com")
    assert refused.value.code == "user_needs_more"


def test_the_app_gives_what_its_class_needs(app: Made) -> None:
    running = app(UserModel(Customer, create=lambda known: Customer(**known, country="NO")))
    ann = running.accounts.user("ann@example.com", password=PASSWORD)

    async def country() -> str:
        async with running.services.database.session() as session:
            return (await session.get_one(Customer, ann.id)).country

    assert running.call(country()) == "NO"
    assert running.accounts.signed_in(user=ann).get("/auth/me").json()["id"] == ann.id


def test_what_the_table_refuses_is_not_called_a_taken_address(app: Made) -> None:
    running = app(UserModel(Customer, create=lambda known: Customer(**known)))
    with pytest.raises(Conflict) as refused:
        running.accounts.user("ann@example.com")
    assert refused.value.code == "user_refused"


def test_a_user_to_whom_records_of_the_app_refer_stays(app: Made) -> None:
    running = app(UserModel(Customer, create=lambda known: Customer(**known, country="NO")))
    ann = running.accounts.user("ann@example.com")

    async def hire() -> None:
        async with running.services.database.session() as session:
            session.add(Order(customer_id=ann.id))
            await session.commit()

    running.call(hire())
    with pytest.raises(Conflict) as refused:
        running.call(running.services.users.delete(ann.id, actor="test"))
    assert refused.value.code == "user_referred_to"
    assert running.call(running.services.users.get(ann.id)).is_active


def test_an_app_whose_tables_are_about_other_users_does_not_start(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    create(database_url)
    upgrade(database_url)
    with (
        pytest.raises(SetupError, match='user_table = "members"'),
        RunningApp(with_accounts(members()).app),
    ):
        pass


def test_an_app_without_a_user_model_does_not_start_on_tables_about_its_own_users(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    create(database_url)
    upgrade(database_url, user_table="members")
    with (
        pytest.raises(SetupError, match="refer to members, and Auth\\(\\) has no user_model"),
        RunningApp(with_accounts(None).app),
    ):
        pass
