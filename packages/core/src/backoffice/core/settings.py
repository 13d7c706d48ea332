"""Settings: one place, typed, read from `BACKOFFICE_...` and checked before the app starts."""

from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backoffice.core.errors import SetupError
from backoffice.core.singletons import singleton

SECRET_BYTES = 32

SettingsType = TypeVar("SettingsType", bound=BaseSettings)


def configuration(prefix: str) -> SettingsConfigDict:
    """The configuration that all packages' settings share; `prefix` is that of the variables."""
    return SettingsConfigDict(
        env_prefix=prefix,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # The rejected value may be a secret, or a URL with a password in it.
        hide_input_in_errors=True,
    )


class Settings(BaseSettings):
    """What all packages share; from `BACKOFFICE_DATABASE_URL` and its sisters."""

    model_config = configuration("BACKOFFICE_")

    #: Where the app's tables are: `sqlite:///file.db` or `postgresql://user:password@host/name`.
    database_url: SecretStr = SecretStr("sqlite:///backoffice.db")
    #: Shared store for limits: `redis://host:6379/0`. Unset: each process keeps its own.
    redis_url: SecretStr | None = None
    #: Signs tokens and keys digests; at least 32 bytes. `backoffice secrets generate` makes one.
    secret_key: SecretStr | None = None
    #: Statements that wait longer than this for another writer fail; seconds.
    database_timeout: float = Field(default=5.0, gt=0, le=300)
    #: Connections kept open to PostgreSQL by each process.
    database_pool_size: int = Field(default=10, ge=1, le=1000)

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


def load(kind: type[SettingsType]) -> SettingsType:
    """Read settings of that kind from the environment; SetupError says which variable is wrong."""
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        faults = [
            f"{prefix}{'__'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SetupError("; ".join(faults)) from None


@singleton
def settings() -> Settings:
    """The app's settings; replace them by `app.dependency_overrides[settings]` or `.override`."""
    return load(Settings)
