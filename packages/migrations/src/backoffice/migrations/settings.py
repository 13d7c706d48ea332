"""How long a migration waits."""

from pydantic import Field
from pydantic_settings import BaseSettings

from backoffice.core.settings import configuration


class MigrationSettings(BaseSettings):
    """From `BACKOFFICE_MIGRATIONS__LOCK_TIMEOUT` and its sister."""

    model_config = configuration("BACKOFFICE_MIGRATIONS__")

    #: A statement that waits longer than this for a lock of the database fails, so that the
    #: app's own queries never queue behind it for longer; seconds.
    lock_timeout: float = Field(default=3.0, ge=0.001, le=3600)
    #: How long to wait for another process that migrates the same database; seconds.
    wait: float = Field(default=60.0, ge=0, le=86400)
