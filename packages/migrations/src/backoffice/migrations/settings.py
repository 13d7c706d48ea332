"""How long a migration waits, and whose users it is about."""

from pydantic import Field

from backoffice.core.settings import PackageSettings, Seconds, configuration


class MigrationSettings(PackageSettings):
    """From `BACKOFFICE_MIGRATIONS__LOCK_TIMEOUT` and its sister."""

    model_config = configuration("BACKOFFICE_MIGRATIONS__")

    lock_timeout: Seconds = Field(default=0.2, ge=0.001, le=3600)
    """How long a statement waits for a lock of the database before it gives up for a moment: the
    app's own queries never queue behind it for longer."""

    lock_patience: Seconds = Field(default=60.0, ge=0, le=86400)
    """How long a revision that is blocked is tried again, with pauses that grow to 5 seconds,
    before it fails."""

    wait: Seconds = Field(default=60.0, ge=0, le=86400)
    """How long to wait for another process that migrates the same database."""

    allow_ahead: bool = False
    """Serve although the database is ahead of this version: while a newer one is rolled out, the
    older one may be started again."""

    user_table: str | None = Field(default=None, max_length=63)
    """The app's own table of users, where `Auth(user_model=...)` names one; else what
    `[tool.backoffice]` says, and without either the packages make their own."""
