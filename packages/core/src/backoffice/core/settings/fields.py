"""What a settings class says of its fields: variable, unit, whether it is a secret."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, get_args, get_origin

from pydantic import AliasChoices, AliasPath, BeforeValidator, Secret, SecretBytes, SecretStr
from pydantic_settings import BaseSettings

#: Plain text of such a name is taken for a secret: not everybody writes SecretStr.
_SECRET_NAME = re.compile(
    r"(pass(word|wd|phrase)?|pwd|secret|token|credentials?|dsn|connection_?string|pem"
    r"|(?<!public_)key)$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Unit:
    """What a setting is counted in, or how it is written: `Annotated[int, Unit("bytes")]`."""

    name: str


def _span(value: object) -> object:
    if not isinstance(value, str):
        return value
    if _NUMBER.fullmatch(value):
        return float(value)
    if value.startswith("P"):  # pydantic would also take 15:00, for hours
        return value
    raise ValueError("is not a span of time; write it as PT15M, or as 900 for so many seconds")


URL = Unit("URL")

Seconds = Annotated[float, Unit("seconds")]
#: From ISO 8601 (`PT15M`, `P30D`) or a number of seconds.
Span = Annotated[timedelta, BeforeValidator(_span), Unit("ISO 8601 span, or seconds")]
#: A secret, for it may hold a password; `backoffice settings show` shows the rest of it.
Url = Annotated[SecretStr, URL]


def unit(kind: type[BaseSettings], field: str) -> str | None:
    """What the field is counted in, or how it is written; None where that goes without saying."""
    info = kind.model_fields[field]
    marks = [*info.metadata, *_marks(info.annotation)]
    return next((each.name for each in marks if isinstance(each, Unit)), None)


def is_secret(kind: type[BaseSettings], field: str) -> bool:
    """Whether the field's value must not be shown: by its type, or else by its name."""
    annotation = kind.model_fields[field].annotation
    types = [get_origin(each) or each for each in _types(annotation)]
    if any(isinstance(each, type) and issubclass(each, _SECRETS) for each in types):
        return True
    return str in types and secret_name(field)


def secret_name(name: str) -> bool:
    """Whether what is called so is likely to be a secret."""
    return _SECRET_NAME.search(name) is not None


def names(kind: type[BaseSettings], field: str) -> list[str]:
    """The variables that the field is read from, the first that counts in front."""
    alias = kind.model_fields[field].validation_alias
    if alias is None:
        found: list[Any] = [f"{kind.model_config.get('env_prefix', '')}{field}"]
    else:
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        found = [each.path[0] if isinstance(each, AliasPath) else each for each in choices]
    return found if kind.model_config.get("case_sensitive") else [each.upper() for each in found]


def all_names(kind: type[BaseSettings]) -> list[str]:
    """The variables of all fields."""
    return [name for field in kind.model_fields for name in names(kind, field)]


_SECRETS = (SecretStr, SecretBytes, Secret)


def _types(annotation: Any) -> list[Any]:
    """The types that an annotation is made of: of `dict[str, X | None]` all four."""
    return [annotation, *(each for part in get_args(annotation) for each in _types(part))]


def _marks(annotation: Any) -> list[Any]:
    return [each for part in _types(annotation) for each in getattr(part, "__metadata__", ())]
