"""Messages: what is told to whom, checked as they are made, and written out for the wire."""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, quote

from email_validator import EmailNotValidError, validate_email

from backoffice.core.errors import InvalidInput

ADDRESS_CHARACTERS = 512
SUBJECT_CHARACTERS = 255
BODY_BYTES = 512 * 1024
HEADERS = 20
#: RFC 5322, 2.1.1 allows a line 998 characters, the header's name among them.
HEADER_CHARACTERS = 900
ID_CHARACTERS = 128

#: Headers that a message may bring, besides any that begins with `X-`.
ALLOWED_HEADERS = frozenset(
    {
        "feedback-id",
        "importance",
        "in-reply-to",
        "list-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "precedence",
        "references",
    }
)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
#: `"Ann" <ann@example.org>`, or the same without quotes where the name needs none.
_NAMED = re.compile(
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^"\\<>()@,:;]*?))\s*<(?P<address>[^<>]+)>'
)
_ESCAPED = re.compile(r"\\(.)")
#: Control characters, which terminals obey, and half surrogate pairs, which no wire carries.
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
#: The same and whatever ends a line somewhere: str.splitlines knows ten characters that do.
_NOT_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Mailbox:
    """An address with the name that mail programs show; RFC 5322, 3.4."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What stands behind the @, in ASCII."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        return f'"{quote(self.name)}" <{self.address}>' if self.name else self.address


def mailbox(name: str, address: str) -> str:
    """`"name" <address>` with the name quoted: for names that come from outside."""
    return str(Mailbox(address, name))


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to one address. Raises InvalidInput, naming the field, for what no mail can hold.

    Its repr holds neither subject nor text: codes and links stand in them.
    """

    #: `ann@example.org`, or with a name: `mailbox("Ann", "ann@example.org")`.
    to: str
    #: One line of up to 255 characters.
    subject: str = field(repr=False)
    #: What every mail program can show; with `html` up to 512 KiB.
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    reply_to: str | None = field(default=None, repr=False)
    #: List-Unsubscribe and its like, or X-...; up to 20.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    #: Unique for ever. A message that is sent again under the same id has the same Message-ID.
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", _line("subject", self.subject, SUBJECT_CHARACTERS))
        object.__setattr__(self, "headers", dict(_checked_headers(self.headers)))
        parsed("to", self.to)
        if self.reply_to is not None:
            parsed("reply_to", self.reply_to)
        _check_body(self.text, self.html)
        if not is_id(self.id):
            raise _invalid("id", "takes up to 128 letters, digits, dots, hyphens and underscores")


def is_id(text: str) -> bool:
    """Whether a message can be called so."""
    return len(text) <= ID_CHARACTERS and _ID.fullmatch(text) is not None


def parsed(field_name: str, mailbox: str) -> Mailbox:
    """The mailbox with its domain in ASCII; InvalidInput when it is none, or more than one."""
    if len(mailbox) > ADDRESS_CHARACTERS:
        raise _invalid(field_name, f"is longer than {ADDRESS_CHARACTERS} characters")
    # Not by email_validator: it takes no joiners in names, which Persian and emoji need.
    named = _NAMED.fullmatch(mailbox.strip())
    address = named["address"] if named else mailbox
    name = (named["plain"] or _ESCAPED.sub(r"\1", named["quoted"] or "")) if named else ""
    return Mailbox(_address(field_name, address), _line(field_name, name, ADDRESS_CHARACTERS))


def _address(field_name: str, address: str) -> str:
    try:
        found = validate_email(
            address, strict=True, check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError:
        # The library's own message repeats the address.
        raise _invalid(field_name, "is not one mail address") from None
    return f"{found.local_part}@{found.ascii_domain}"


def _checked_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if len(headers) > HEADERS:
        raise _invalid("headers", f"takes up to {HEADERS}")
    for name, value in headers.items():
        allowed = name.lower() in ALLOWED_HEADERS or name.lower().startswith("x-")
        if not allowed or not _HEADER_NAME.fullmatch(name):
            raise _invalid("headers", "holds a name that is neither X-... nor among those allowed")
        yield name, _line("headers", value, HEADER_CHARACTERS)


def _line(field_name: str, value: str, limit: int) -> str:
    if _NOT_LINE.search(value):
        raise _invalid(field_name, "holds a line break or another control character")
    if len(value) > limit:
        raise _invalid(field_name, f"is longer than {limit} characters")
    return value.strip()


def _check_body(text: str, html: str | None) -> None:
    for name, value in (("text", text), ("html", html or "")):
        if _NOT_TEXT.search(value):
            raise _invalid(name, "holds a control character")
    if len(text.encode()) + len((html or "").encode()) > BODY_BYTES:
        raise _invalid("text", f"is, with html, larger than {BODY_BYTES // 1024} KiB")


def _invalid(field_name: str, fault: str) -> InvalidInput:
    return InvalidInput(
        f"The mail's {field_name} {fault}.", code="invalid_message", field=field_name
    )


#: Called as soon as a letter is no longer ours.
Taken = Callable[[], Awaitable[None]]


async def _nobody() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Letter:
    """A message written out: the envelope, and the bytes that are the same on every way out."""

    message: Message
    sender: str
    recipient: str
    content: bytes = field(repr=False)
    #: For a backend that has something to do after it was rid of the letter, such as a goodbye.
    taken: Taken = field(default=_nobody, repr=False)


def letter(message: Message, sender: Mailbox, written: datetime, taken: Taken = _nobody) -> Letter:
    """Write `message` out; `sender` and the moment are not the message's to say."""
    to = parsed("to", message.to)
    head = "".join(f"{line}\r\n" for line in _header_lines(message, to, sender, written))
    content = head.encode() + _body(message)
    return Letter(message, sender.address, to.address, content, taken)


def _header_lines(
    message: Message, to: Mailbox, sender: Mailbox, written: datetime
) -> Iterator[str]:
    yield f"From: {_encoded_mailbox('From', sender)}"
    yield f"To: {_encoded_mailbox('To', to)}"
    if message.reply_to is not None:
        yield f"Reply-To: {_encoded_mailbox('Reply-To', parsed('reply_to', message.reply_to))}"
    yield f"Subject: {_encoded('Subject', message.subject)}"
    yield f"Date: {format_datetime(written)}"
    yield f"Message-ID: <{message.id}@{sender.domain}>"
    # Keeps answering machines from answering (RFC 3834, 5).
    yield "Auto-Submitted: auto-generated"
    for name, value in message.headers.items():
        yield f"{name}: {_encoded(name, value)}"


def _encoded_mailbox(header: str, mailbox: Mailbox) -> str:
    encoded = _encoded(header, mailbox.name)
    return f"{encoded} <{mailbox.address}>" if encoded != mailbox.name else str(mailbox)


def _encoded(header: str, value: str) -> str:
    """ASCII as it is; all else, and what would be taken for encoded, in encoded words.

    Not by EmailMessage: that of Python 3.11.7 decodes `=?utf-8?q?=0D=0ABcc:?=` in a subject and
    writes the line break out.
    """
    if value.isascii() and "=?" not in value:
        return value
    return Header(value, "utf-8", header_name=header).encode(linesep="\r\n")


def _body(message: Message) -> bytes:
    # 7 bit: no server on the way has to convert it, which would break its signature.
    mime = EmailMessage(SMTP.clone(cte_type="7bit"))
    mime.set_content(message.text)
    if message.html is not None:
        mime.add_alternative(message.html, subtype="html")
    return mime.as_bytes()
