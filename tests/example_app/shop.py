"""The shop's database and accounts as tests see them: around its routes, never through them."""

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, make_url
from sqlmodel import Session

from backoffice.auth import Services, User
from backoffice.core.singletons import STATE, Run
from backoffice.migrations import AppHistory, upgrade
from example_app.accounts import auth
from example_app.seed import seed

T = TypeVar("T")

ALEMBIC_INI = Path(__file__).parents[2] / "example_app" / "alembic.ini"

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def alembic_config() -> Config:
    return Config(str(ALEMBIC_INI))


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    address = make_url(url)
    engine = create_engine(address.set(drivername=DRIVERS[address.get_backend_name()]))
    yield engine
    engine.dispose()


@contextmanager
def session_on(url: str) -> Iterator[Session]:
    with engine_on(url) as engine, Session(engine) as session:
        yield session


def migrate(url: str) -> None:
    """Bring the database to the present: the packages' tables and the shop's own."""
    upgrade(url, AppHistory(ALEMBIC_INI))


def migrate_by_alembic(url: str) -> None:
    """Bring the shop's tables to the newest revision, over a connection handed to Alembic."""
    config = alembic_config()
    with engine_on(url) as engine, engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def migrate_and_seed(url: str) -> None:
    migrate(url)
    with engine_on(url) as engine:
        seed(engine)


def services(client: TestClient) -> Services:
    """The services of accounts in the client's running app."""
    run: Run = client.app_state[STATE]
    found: Services = run.values[auth.services]
    return found


def call(client: TestClient, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` on the event loop of the client's running app."""

    async def awaited() -> T:
        return await work

    assert client.portal is not None
    return client.portal.call(awaited)


def somebody(client: TestClient, *permissions: str) -> tuple[User, str]:
    """A new account that may do this, by a role of its own, and an API key of it."""
    found = services(client)
    name = f"role {len(call(client, found.roles.all()))}"
    call(client, found.roles.create(name, permissions, actor="test"))
    email = f"{name.replace(' ', '-')}@example.com"
    new = found.users.create(email, "correct horse battery", roles=[name], actor="test")
    user = call(client, new)
    return user, call(client, found.keys.create(user, "test", actor="test"))[1]
