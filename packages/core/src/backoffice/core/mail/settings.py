"""Where mail goes: `BACKOFFICE_MAIL__...`."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from urllib.request import url2pathname

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from backoffice.core.errors import BackofficeError
from backoffice.core.mail.messages import parsed
from backoffice.core.settings import (
    PackageSettings,
    Seconds,
    Span,
    Unit,
    Url,
    configuration,
    load,
)
from backoffice.core.singletons import singleton

FORMS = (
    "write smtp://user:password@host:587, smtps://user:password@host:465, file:///directory, "
    "console: or memory:"
)
PORTS = {"smtp": 587, "smtps": 465}
#: Where no SMTP server would refuse it, a sender need not be set.
NOBODY = "Backoffice <backoffice@example.org>"

LONGEST_NAME = 255

TLS = Literal["starttls", "implicit", "none"]


@dataclass(frozen=True)
class Submission:
    """An SMTP server that takes our mail (RFC 6409), and how to reach it."""

    host: str
    port: int
    tls: TLS
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{'smtps' if self.tls == 'implicit' else 'smtp'}://{self.host}:{self.port}"


class MailSettings(PackageSettings):
    """From `BACKOFFICE_MAIL__URL` and its sisters."""

    model_config: ClassVar[SettingsConfigDict] = configuration("BACKOFFICE_MAIL__")

    url: Url | None = None
    """Where mail goes: `smtp://user:password@host:587`, `smtps://...:465`, `file:///directory`,
    `console:` or `memory:`. Unset: shown at a terminal, and refused where there is none."""

    sender: Annotated[str, Unit("mail address")] = Field(default=NOBODY, validate_default=True)
    """The address that mail comes from, as `Shop <shop@example.org>`; an SMTP server needs one."""

    timeout: Seconds = Field(default=30.0, gt=0, le=600)
    """How long sending one message may take, waiting for a connection included."""

    connections: Annotated[int, Unit("connections")] = Field(default=4, ge=1, le=100)
    """Connections to the SMTP server by each process at a time; whoever finds none free waits."""

    templates: Annotated[Path | None, Unit("directory")] = None
    """Templates of your own, which replace ours file by file, as `verify.html`."""

    worker: bool = True
    """Whether the app sends what its outbox holds; not, where `backoffice mail work` does."""

    attempts: Annotated[int, Unit("attempts")] = Field(default=30, ge=1, le=1000)
    """How often a message of the outbox is tried, the last ones an hour apart, before it is given
    up: 30 attempts take a day."""

    keep: Span = Field(default=timedelta(days=7), gt=timedelta(), le=timedelta(days=3650))
    """How long the outbox remembers what was sent, without what it said, and what was given up."""

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            destination(value.get_secret_value())
        return value

    @field_validator("templates")
    @classmethod
    def _a_path(cls, value: Path | None) -> Path | None:
        if value is not None and any(len(part) > LONGEST_NAME for part in value.parts):
            raise ValueError("is no path: a name in it is too long")
        return value

    @field_validator("sender")
    @classmethod
    def _an_address(cls, value: str, info: ValidationInfo) -> str:
        url = info.data.get("url")
        if value == NOBODY and url and url.get_secret_value().startswith("smtp"):
            raise ValueError("is not set; name the address that mail comes from")
        try:
            parsed("sender", value)
        except BackofficeError:
            raise ValueError("is not one mail address, such as Shop <shop@example.org>") from None
        return value

    def destination(self) -> "Submission | Path | str | None":
        """The URL taken apart: a server, a directory, `console`, `memory`, or None where unset."""
        return None if self.url is None else destination(self.url.get_secret_value())


def destination(url: str) -> Submission | Path | str:
    """A mail URL taken apart; ValueError says what is wrong without repeating it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # Its message may repeat the user and the password.
        raise ValueError(f"is not a mail URL; {FORMS}") from None
    if parts.scheme in PORTS:
        return _submission(parts)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.strip("/"):
        path = url2pathname(parts.path)
        if "\0" not in path:  # which no file system takes
            return Path(path)
    if url in ("console:", "memory:"):
        return parts.scheme
    raise ValueError(f"is not a mail URL; {FORMS}")


def _submission(parts: SplitResult) -> Submission:
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.path not in ("", "/") or parts.fragment or port == 0:
        # A password with one of / ? # in it, not encoded, ends up here.
        raise ValueError(f"is not a mail URL; {FORMS}, with the password percent-encoded")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("names a user without a password, or a password without a user")
    return Submission(
        host=host,
        port=port or PORTS[parts.scheme],
        tls=_tls(parts),
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
    )


def _tls(parts: SplitResult) -> TLS:
    if parts.scheme == "smtps" and not parts.query:
        return "implicit"
    if not parts.query:
        return "starttls"
    if parts.scheme == "smtp" and parse_qsl(parts.query) == [("tls", "none")]:
        return "none"
    raise ValueError("has an option that is not known; only smtp://...?tls=none is")


@singleton
def mail_settings() -> MailSettings:
    """The settings of this run's mail."""
    return load(MailSettings)
