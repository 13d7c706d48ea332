"""The shop's database as tests see it: around the app, never through it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url
from sqlmodel import Session

from example_app.seed import seed

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
    """Bring the database to the newest revision, over a connection that is handed to Alembic."""
    config = alembic_config()
    with engine_on(url) as engine, engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def migrate_and_seed(url: str) -> None:
    migrate(url)
    with engine_on(url) as engine:
        seed(engine)
