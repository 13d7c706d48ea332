"""Where settings come from: variables of the environment, and files of secrets."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsError,
)

from backoffice.core.settings.fields import all_names

SECRETS_DIR = "BACKOFFICE_SECRETS_DIR"


class Unreadable(SettingsError):
    """A file of secrets, or their folder, cannot be read."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(f"{variable}: {message}")
        self.variable = variable
        self.message = message


class Tidied(PydanticBaseSettingsSource):
    """Another source, without the white space around its values; what is blank is not set.

    A secret that is mounted as a file, or was copied from one, ends with a line that nobody sees.
    """

    def __init__(self, source: PydanticBaseSettingsSource) -> None:
        super().__init__(source.settings_cls)
        self.source = source

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """What the other source holds of a field, tidied; None for what is not set."""
        value, key, is_complex = self.source.get_field_value(field, field_name)
        return _tidied(value), key, is_complex

    def __call__(self) -> dict[str, Any]:
        """What the other source holds, tidied."""
        tidied = {key: _tidied(value) for key, value in self.source().items()}
        return {key: value for key, value in tidied.items() if value is not None}


def _tidied(value: Any) -> Any:
    return value.strip() or None if isinstance(value, str) else value


class SecretFiles(EnvSettingsSource):
    """Files of BACKOFFICE_SECRETS_DIR, named as the variables: Docker and Kubernetes mount these.

    pydantic-settings' own source only warns of a file that it will not read: the app would start
    with the default instead.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._contents: dict[str, str] = {}
        self.env_vars: Mapping[str, str | None] = self._contents

    def __call__(self) -> dict[str, Any]:
        """What the files hold; raises Unreadable for one that cannot be read."""
        spelt = str if self.case_sensitive else str.lower
        wanted = {spelt(name) for name in all_names(self.settings_cls)}
        for file in secret_files():
            if spelt(file.name) in wanted:
                self._contents[spelt(file.name)] = _content(file)
        return super().__call__()


def secret_files() -> Iterator[Path]:
    """What is in BACKOFFICE_SECRETS_DIR; nothing where that is not set."""
    named = os.environ.get(SECRETS_DIR, "").strip()
    if named:
        try:
            yield from Path(named).iterdir()
        except OSError as error:
            raise Unreadable(SECRETS_DIR, f"cannot be read as a folder: {error.strerror}") from None


def _content(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise _unreadable(file, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _unreadable(file, "is not text in UTF-8") from None


def _unreadable(file: Path, why: str) -> Unreadable:
    return Unreadable(file.name.upper(), f"the file {file} {why}")


def held(kind: type[BaseSettings]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each source of the class is called, and what it holds; the first that counts in front.

    Values are as they were written, by field name or alias; what cannot be read is left out, for
    to make a `kind()` says why.
    """
    sources = kind.settings_customise_sources(
        kind,
        init_settings=InitSettingsSource(kind, {}),
        env_settings=EnvSettingsSource(kind),
        dotenv_settings=DotEnvSettingsSource(kind),
        file_secret_settings=SecretsSettingsSource(kind),
    )
    for source in sources:
        try:
            yield _label(source), source()
        except SettingsError:
            yield _label(source), _piecemeal(source)


def _piecemeal(source: PydanticBaseSettingsSource) -> dict[str, Any]:
    """What a source holds of each field, where one of them keeps it from being read as a whole."""
    found = {
        name: source.get_field_value(field, name)[0]
        for name, field in source.settings_cls.model_fields.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _label(source: PydanticBaseSettingsSource) -> str:
    inner = source.source if isinstance(source, Tidied) else source
    return _LABELS.get(type(inner), type(inner).__name__)


_LABELS: dict[type, str] = {
    EnvSettingsSource: "environment",
    DotEnvSettingsSource: ".env file",
    SecretFiles: "secrets folder",
    SecretsSettingsSource: "secrets folder",
}
