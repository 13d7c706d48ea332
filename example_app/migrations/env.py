"""How Alembic reaches the shop's tables; its URL is the app's own `BACKOFFICE_DATABASE_URL`."""

from logging.config import fileConfig
from typing import Any

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine
from sqlmodel import SQLModel

from backoffice.core import Settings
from backoffice.core.database import SYNC_DRIVERS, parsed, with_driver
from backoffice.core.settings import load
from backoffice.migrations import env_options
from example_app import models as models  # fills SQLModel.metadata

config = context.config
url = with_driver(parsed(load(Settings).database_url.get_secret_value()), SYNC_DRIVERS)

# Logging belongs to whoever runs this; it is set up here for the alembic command alone.
if config.cmd_opts is not None and config.config_file_name is not None:
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def options() -> dict[str, Any]:
    """What is compared, and how; the tables of Backoffice's packages are left to them."""
    return {
        **env_options(),
        "target_metadata": SQLModel.metadata,
        "compare_server_default": True,
        "render_as_batch": True,  # SQLite alters a table by copying it
    }


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, **options())
    with context.begin_transaction():
        context.run_migrations()


def migrate_online() -> None:
    connection = config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    # Foreign keys stay unenforced here on SQLite: copying a table drops the old one, which
    # would delete the rows that refer to it.
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as opened:
        migrate(opened)


def print_sql() -> None:
    context.configure(url=url, literal_binds=True, **options())
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_sql()
else:
    migrate_online()
