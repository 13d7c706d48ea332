"""What the mails of accounts are written from: one dataclass for each template.

An app writes mails of its own the same way: a subclass, and its three files in
BACKOFFICE_MAIL__TEMPLATES.
"""

import re
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from backoffice.core.errors import SetupError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class MailTemplate:
    """What a template is filled with: its fields are the template's variables.

    A field whose name ends in `link` takes an absolute http or https URL, or nothing; SetupError
    for any other. Links hold tokens: keep them out of the repr.
    """

    #: The files are `<name>.subject.txt`, `<name>.txt` and `<name>.html`.
    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SetupError(f"{type(self).__name__}.name must be 1 to 64 of a-z, 0-9 and -")
        for each in fields(self):
            if each.name.endswith("link") and not _is_link(getattr(self, each.name)):
                raise SetupError(
                    f"{type(self).__name__}.{each.name} must be an absolute http or https URL"
                )

    def variables(self) -> dict[str, Any]:
        """The fields by name; shallow, so that no value is copied."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def _is_link(value: object) -> bool:
    if value in (None, ""):
        return True
    # urlsplit drops line breaks, and the text of a mail would not: what follows would stand there
    # as if the app had written it.
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class VerifyMail(MailTemplate):
    """To a new account: prove that the address is yours."""

    name: ClassVar[str] = "verify"
    link: str = field(repr=False)
    valid_for: timedelta


@dataclass(frozen=True, kw_only=True)
class ResetMail(MailTemplate):
    """To whoever forgot the password: the link by which to choose another."""

    name: ClassVar[str] = "reset"
    link: str = field(repr=False)
    valid_for: timedelta


@dataclass(frozen=True, kw_only=True)
class AddressChangeMail(MailTemplate):
    """To the new address, before it counts: prove that it is yours."""

    name: ClassVar[str] = "address-change"
    link: str = field(repr=False)
    valid_for: timedelta


@dataclass(frozen=True, kw_only=True)
class AddressChangedMail(MailTemplate):
    """To the old address, once the new one counts."""

    name: ClassVar[str] = "address-changed"
    new_address: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PasswordChangedMail(MailTemplate):
    """To the owner, after each change of the password."""

    name: ClassVar[str] = "password-changed"
    at: datetime
    #: Where to ask for a reset, for an owner who did not change it; without a token.
    reset_link: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class AlreadyRegisteredMail(MailTemplate):
    """To the owner of an address that somebody, perhaps the owner, has tried to register again."""

    name: ClassVar[str] = "already-registered"
    #: Where to sign in, and where to ask for a reset; without tokens.
    sign_in_link: str = field(default="", repr=False)
    reset_link: str = field(default="", repr=False)


_LINK = "https://shop.example.org/account?token=sample"
_HOUR = timedelta(hours=1)
_MOMENT = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)

#: One of each that we ship: what the check at the start and the preview fill templates with.
SAMPLES: tuple[MailTemplate, ...] = (
    VerifyMail(link=_LINK, valid_for=timedelta(days=1)),
    ResetMail(link=_LINK, valid_for=_HOUR),
    AddressChangeMail(link=_LINK, valid_for=_HOUR),
    AddressChangedMail(new_address="new@example.org", at=_MOMENT),
    PasswordChangedMail(at=_MOMENT, reset_link="https://shop.example.org/forgot"),
    AlreadyRegisteredMail(
        sign_in_link="https://shop.example.org/sign-in",
        reset_link="https://shop.example.org/forgot",
    ),
)
