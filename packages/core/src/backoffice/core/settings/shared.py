"""The settings that all packages share."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, field_validator

from backoffice.core.errors import SetupError
from backoffice.core.settings.fields import Seconds, Unit, Url
from backoffice.core.settings.loading import load
from backoffice.core.settings.package import PackageSettings, configuration
from backoffice.core.settings.sources import SECRETS_DIR
from backoffice.core.settings.urls import check_database, check_redis
from backoffice.core.singletons import singleton

SECRET_BYTES = 32


class Settings(PackageSettings):
    """What all packages share; from `BACKOFFICE_DATABASE_URL` and its sisters."""

    model_config = configuration("BACKOFFICE_")
    elsewhere: ClassVar[tuple[str, ...]] = ("BACKOFFICE_APP", SECRETS_DIR)

    database_url: Url = SecretStr("sqlite:///backoffice.db")
    """Where the app's tables are: `sqlite:///file.db` or `postgresql://user:password@host/name`."""

    redis_url: Url | None = None
    """Where limits are counted: `redis://host:6379/0`. Unset: each process counts its own."""

    secret_key: Annotated[SecretStr, Unit("at least 32 bytes")] | None = None
    """Signs tokens and keys digests. `backoffice secrets generate` makes one."""

    database_timeout: Seconds = Field(default=5.0, gt=0, le=300)
    """How long to wait for another writer (SQLite), or for a connection (PostgreSQL)."""

    database_pool_size: Annotated[int, Unit("connections")] = Field(default=10, ge=1, le=1000)
    """Connections kept open to PostgreSQL by each process."""

    @field_validator("database_url")
    @classmethod
    def _a_database(cls, value: SecretStr) -> SecretStr:
        check_database(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _a_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_redis(value.get_secret_value())
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(
                f"is shorter than {SECRET_BYTES} bytes; make one with `backoffice secrets generate`"
            )
        return value

    def secret(self) -> bytes:
        """The secret key; raises SetupError when none is set."""
        if self.secret_key is None:
            raise SetupError(
                "BACKOFFICE_SECRET_KEY is not set. Make one with `backoffice secrets generate` "
                "and keep it: whoever has it can sign in as anybody."
            )
        return self.secret_key.get_secret_value().encode()


@singleton
def settings() -> Settings:
    """The app's settings; replace them by `app.dependency_overrides[settings]` or `.override`."""
    return load(Settings)
