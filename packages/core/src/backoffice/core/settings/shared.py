"""The settings that all packages share."""

import json
import re
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from backoffice.core.errors import SetupError
from backoffice.core.settings.fields import Seconds, Unit, Url
from backoffice.core.settings.loading import load
from backoffice.core.settings.package import PackageSettings, configuration
from backoffice.core.settings.sources import SECRETS_DIR
from backoffice.core.settings.urls import check_redis
from backoffice.core.settings.urls import database as checked_database
from backoffice.core.singletons import singleton

SECRET_BYTES = 32
_FINDING = re.compile(r"[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*")


def _listed(value: object) -> object:
    """A JSON list, or the text itself where it is none: most often there is only one."""
    if not isinstance(value, str) or not value.startswith("["):
        return [value] if isinstance(value, str) else value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("begins like a JSON list, and is none") from None


_Secrets = Annotated[
    tuple[SecretStr, ...],
    NoDecode,
    BeforeValidator(_listed),
    Unit("one, or a JSON list"),
]


def _reasons(value: object) -> object:
    """`id=reason; id=reason`, or a mapping."""
    if isinstance(value, str):
        pairs = [each.partition("=") for each in value.split(";") if each.strip()]
        value = {id.strip(): reason.strip() for id, _, reason in pairs}
    if isinstance(value, dict) and any(
        not _FINDING.fullmatch(str(id)) or not reason for id, reason in value.items()
    ):
        raise ValueError("is not a list of findings with reasons; write auth.links=no mail here")
    return value


_Reasons = Annotated[
    dict[str, str], NoDecode, BeforeValidator(_reasons), Unit("id=reason, separated by semicolons")
]


class Settings(PackageSettings):
    """What all packages share; from `BACKOFFICE_DATABASE_URL` and its sisters."""

    model_config: ClassVar[SettingsConfigDict] = configuration("BACKOFFICE_")
    elsewhere: ClassVar[tuple[str, ...]] = ("BACKOFFICE_APP", SECRETS_DIR)

    database_url: Url = SecretStr("sqlite:///backoffice.db")
    """Where the app's tables are: `sqlite:///file.db` or `postgresql://user:password@host/name`."""

    redis_url: Url | None = None
    """Where limits are counted: `redis://host:6379/0`, `redis+cluster://host:6379,host:6379` or
    `redis+sentinel://host:26379,host:26379/name-of-the-primary/0`. Unset: each process counts its
    own."""

    secret_key: Annotated[SecretStr, Unit("at least 32 bytes")] | None = None
    """Signs tokens and keys digests. `backoffice secrets generate` makes one."""

    previous_secret_keys: _Secrets | None = None
    """Earlier secret keys: what they signed is good still. Take each out when that has run out."""

    database_timeout: Seconds = Field(default=5.0, gt=0, le=300)
    """How long to wait for another writer (SQLite), or for a connection (PostgreSQL)."""

    database_pool_size: Annotated[int, Unit("connections")] = Field(default=10, ge=1, le=1000)
    """Connections kept open to PostgreSQL by each process."""

    doctor_ignore: _Reasons = Field(default_factory=dict)
    """Findings of `backoffice doctor` that are known and will stay: `auth.registration=a public
    shop; auth.links=no mail here`. They are shown with the reason, and fail nothing."""

    @field_validator("database_url")
    @classmethod
    def _a_database(cls, value: SecretStr) -> SecretStr:
        checked_database(value.get_secret_value())
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
        if value is not None and _is_short(value):
            raise ValueError(
                f"is shorter than {SECRET_BYTES} bytes; make one with `backoffice secrets generate`"
            )
        return value

    @field_validator("previous_secret_keys")
    @classmethod
    def _all_long_enough(cls, value: tuple[SecretStr, ...] | None) -> tuple[SecretStr, ...] | None:
        if any(map(_is_short, value or ())):
            raise ValueError(f"has a key that is shorter than {SECRET_BYTES} bytes")
        return value

    def secret(self) -> bytes:
        """The secret key; raises SetupError when none is set."""
        if self.secret_key is None:
            raise SetupError(
                "BACKOFFICE_SECRET_KEY is not set. Make one with `backoffice secrets generate` "
                "and keep it: whoever has it can sign in as anybody."
            )
        return self.secret_key.get_secret_value().encode()

    def secrets(self) -> tuple[bytes, ...]:
        """The secret key, then those before it, which are only for what is signed already."""
        previous = self.previous_secret_keys or ()
        return (self.secret(), *(each.get_secret_value().encode() for each in previous))


def _is_short(key: SecretStr) -> bool:
    return len(key.get_secret_value().encode()) < SECRET_BYTES


@singleton
def settings() -> Settings:
    """The app's settings; replace them by `app.dependency_overrides[settings]` or `.override`."""
    return load(Settings)
