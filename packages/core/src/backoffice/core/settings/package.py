"""What the settings of every package have in common."""

from typing import ClassVar

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from backoffice.core.settings.sources import SecretFiles, Tidied

NO_TEXT = "is not text in UTF-8"


def configuration(prefix: str) -> SettingsConfigDict:
    """The configuration that all packages' settings share; `prefix` is that of the variables."""
    return SettingsConfigDict(
        env_prefix=prefix,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # `backoffice settings show` and the documentation tell what stands below each field.
        use_attribute_docstrings=True,
        # The rejected value may be a secret, or a URL with a password in it.
        hide_input_in_errors=True,
    )


class PackageSettings(BaseSettings):
    """Settings from variables and, after these, from the files of BACKOFFICE_SECRETS_DIR.

    White space around a value is dropped, and what is blank is not set.
    """

    #: Variables that the package reads by itself, so that they are not taken for misspelt ones.
    elsewhere: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the environment, an env file where one is named, files of secrets."""
        outside = (env_settings, dotenv_settings, SecretFiles(settings_cls), file_secret_settings)
        return (init_settings, *map(Tidied, outside))

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        # Python lets bytes that are no text into os.environ: each use of such a value would fail.
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(plain, str) and not is_text(plain):
            raise ValueError(NO_TEXT)
        return value


def is_text(value: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
