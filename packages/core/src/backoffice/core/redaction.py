"""Secrets kept out of logs: by their shape, by the name before them, and by their value.

What it cannot know: a secret of no known shape (a person's password) that a log line holds without
its name before it, and what stands behind the first space of one that is not quoted.
"""

import contextlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, quote_plus, unquote

from pydantic import SecretStr
from pydantic_settings import BaseSettings

MASK = "[redacted]"
#: A shorter secret would be found within other words.
SHORTEST = 8
MOST_DEPTH = 6

Secret: TypeAlias = str | SecretStr | BaseSettings

#: What is called so is a secret. In small letters: it is looked for in a text made small, which is
#: a tenth of the cost of looking for either case.
_NAME = re.compile(
    r"pass(?:word|wd|phrase)|pwd|secret(?:[_-]?key)?|(?:api|access|private|signing)[_-]?key"
    r"|token|jwt|otp|credentials?|sessionid|authorization|cookie"
)
#: A text without any of these has no such name in it.
_HINTS = ("pass", "pwd", "secret", "key", "token", "jwt", "otp", "cred", "session", "auth", "cook")
_ENDS_IN_NAME = re.compile(rf"(?:{_NAME.pattern})\d{{0,2}}$")
# In what follows, every part is bounded or possessive: no text costs more than its length.
_SIGN = re.compile(r"""\d{0,2}(?P<quote>\\?["'])?\s{0,4}(?P<sign>[:=,])\s{0,4}""", re.ASCII)
_VALUE = re.compile(
    rf"""
    (?! SecretStr\( | \*{{3}} | (?:none|null|true|false)\b | {re.escape(MASK)} )
    (?: b? \\?" (?: [^"\\] | \\. )*+ "?
      | b? \\?' (?: [^'\\] | \\. )*+ '?
      | (?<=cookie:|zation:) [^\r\n"']++
      | (?<=cookie:\s|zation:\s) [^\r\n"']++
      | (?: (?:bearer|basic|digest|apikey|token) \s{{1,4}} )? [^\s&,;"'()\[\]{{}}<>]++ )
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_RUN = re.compile(r"""[^\s"'<>]++""")
_JWT = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){1,4}")
_HASH = re.compile(r"\$(?:argon2[a-z]{1,2}|2[aby]|scrypt|pbkdf2[a-z0-9_-]{0,20})\$[^\s\"';)]++")
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?s:.*?)(?:-----END|\Z)")
_OPAQUE = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{40,}+")


def redacted(text: str) -> str:
    """The text without what has the shape or the name of a secret."""
    if "://" in text and "@" in text:
        text = _RUN.sub(_without_password, text)
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "$" in text:
        text = _HASH.sub(MASK, text)
    if "PRIVATE KEY-----" in text:
        text = _PEM.sub(MASK, text)
    small = text.lower()
    if any(hint in small for hint in _HINTS):
        text = _without_named(text, small)
    return text if len(text) < 40 else _OPAQUE.sub(_without_opaque, text)


def _without_named(text: str, small: str) -> str:
    if len(small) != len(text):
        # There is a letter that is longer when it is small.
        small = "".join(each.lower() if each.isascii() else "?" for each in text)
    kept: list[str] = []
    done = 0
    for name in _NAME.finditer(small):
        sign = _SIGN.match(text, name.end())
        if name.start() < done or sign is None or not _names(text, name.start(), sign):
            continue
        if value := _VALUE.match(text, sign.end()):
            kept += (text[done : sign.end()], MASK)
            done = value.end()
    return "".join((*kept, text[done:])) if kept else text


def _names(text: str, start: int, sign: re.Match[str]) -> bool:
    """`token: ...`, `"accessToken": ...` and `(b'cookie', ...)`; not `InvalidToken: expired`."""
    if sign["quote"] is not None or sign["sign"] == "=":
        return True
    return sign["sign"] == ":" and not text[max(start - 1, 0) : start].isalpha()


def _without_password(found: re.Match[str]) -> str:
    scheme, separator, rest = found[0].partition("://")
    credentials, at, address = rest.rpartition("@")
    user, colon, password = credentials.partition(":")
    if not (at and colon and password):
        return found[0]
    return f"{scheme}{separator}{user}:{MASK}@{address}"


def _without_opaque(found: re.Match[str]) -> str:
    """Keys, tokens and sealed cookies are long and of all kinds of characters; words, names,
    digests in hex and UUIDs are not."""
    run = found[0]
    mixed = not (run.islower() or run.isupper()) and any(each in "_0123456789" for each in run)
    return MASK if mixed else run


class Redacted(logging.Filter):
    """Takes secrets out of a record: message, arguments, extras, exception and stack.

    Add it to a handler, by `handler.addFilter(Redacted(...))`. `secrets` are masked by value, in
    the spellings in which a URL, a `repr` or JSON has them: a text of at least 8 characters, or
    settings, whose SecretStr fields (of URLs, the passwords in them) are meant.

    A record is changed in place, and only where something was found: handlers that come after see
    it masked too. What cannot be masked is left out. It never raises, and lets every record pass.
    """

    def __init__(self, *secrets: Secret) -> None:
        super().__init__()
        values = {value for each in secrets for value in _values(each)}
        spellings = {spelled for value in values for spelled in _spellings(value)}
        #: The longest first: one may be the beginning of another.
        self._secrets = sorted(spellings, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record; True."""
        try:
            self._mask(record)
        except Exception as error:  # noqa: BLE001 - a log line never breaks what it tells of
            _leave_out(record, error)
        return True

    def redacted(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return redacted(text)

    def _mask(self, record: logging.LogRecord) -> None:
        self._mask_message(record)
        for name, value in list(record.__dict__.items()):
            if name not in STANDARD:
                masked = MASK if _is_secret(name, value) else self._value(value)
                if masked is not value:
                    record.__dict__[name] = masked
        if record.exc_info or record.exc_text:
            self._mask_exception(record)
        if record.stack_info:
            record.stack_info = self.redacted(record.stack_info)

    def _mask_message(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, Mapping):
            record.args = self._value(record.args)
        message = _rendered(record)
        masked = self.redacted(message)
        if masked == message:
            return
        # Formatters that read single arguments, such as uvicorn's, find as many as before.
        if isinstance(record.args, tuple):
            args = tuple(self._value(each) for each in record.args)
            template = record.msg if isinstance(record.msg, str) else ""
            if template == self.redacted(template) and _filled(template, args) == masked:
                record.args = args
                return
        record.msg, record.args = masked, None

    def _mask_exception(self, record: logging.LogRecord) -> None:
        text = record.exc_text or ""
        if not text and isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
            text = _formatter.formatException(record.exc_info)
        masked = self.redacted(text)
        if masked != text:
            # Whoever formats the exception anew would bring the secret back.
            record.exc_text, record.exc_info = masked, None

    def _value(self, value: Any, depth: int = MOST_DEPTH) -> Any:
        """The value, or one like it without secrets; the same object if there were none."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            masked: Any = self.redacted(value)
        elif depth <= 0:
            masked = MASK
        elif isinstance(value, Mapping):
            masked = {
                self._value(name, 0) if isinstance(name, str) else name: (
                    MASK if _is_secret(name, each) else self._value(each, depth - 1)
                )
                for name, each in value.items()
            }
        elif isinstance(value, list | tuple | set | frozenset):
            masked = _like(value, [self._value(each, depth - 1) for each in value])
        else:
            text = str(value)
            masked = self.redacted(text)
            return value if masked == text else masked
        return value if masked == value else masked


def named_secrets(values: Mapping[str, str]) -> Iterator[str]:
    """Those of the values that are secrets, by their names; of URLs, the passwords in them."""
    for name, value in values.items():
        if "://" in value:
            yield from _passwords(value)
        elif is_secret_name(name.removesuffix("S").removesuffix("s")):
            yield from _listed(value)


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret: `password`, `X-API-Key`, `client_secret`."""
    return _ENDS_IN_NAME.search(name.lower()) is not None


def _values(secret: Secret) -> Iterator[str]:
    if isinstance(secret, BaseSettings):
        for _, field in secret:
            for value in field if isinstance(field, list | tuple) else (field,):
                if isinstance(value, BaseSettings | SecretStr):
                    yield from _values(value)
        return
    value = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    yield from _passwords(value) if "://" in value else (value,)


def _passwords(url: str) -> Iterator[str]:
    credentials = url.partition("://")[2].rpartition("@")[0]
    user, _, password = credentials.partition(":")
    # `postgres:postgres` is no secret, and stands in every second line.
    if password != user:
        yield from (password, unquote(password))


def _listed(value: str) -> list[str]:
    """The secrets of a JSON list, or the one that is not in any."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(value)
        if isinstance(found, list):
            return [each for each in found if isinstance(each, str)]
    return [value]


def _spellings(value: str) -> Iterator[str]:
    if len(value) >= SHORTEST:
        # A variable may hold bytes that are no UTF-8.
        quoted = value.encode("utf-8", "replace")
        yield from (value, quote(quoted, safe=""), quote_plus(quoted), repr(value)[1:-1])
        yield json.dumps(value)[1:-1]


def _is_secret(name: object, value: object) -> bool:
    named = isinstance(name, str) and is_secret_name(name)
    return named and not (value is None or isinstance(value, bool | SecretStr))


def _rendered(record: logging.LogRecord) -> str:
    """The message; one whose arguments do not fit it, made to fit: logging would print both."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - any argument may have a __str__ that fails
        record.msg, record.args = f"{record.msg} {_shown(record.args)}", None
        return record.getMessage()


def _shown(args: object) -> str:
    try:
        return f"(does not take {args!r})"
    except Exception:  # noqa: BLE001
        return "(with arguments that cannot be shown)"


def _filled(template: str, args: tuple[Any, ...]) -> str | None:
    try:
        return template % args
    except (TypeError, ValueError):
        return None


def _like(value: Any, items: Iterable[Any]) -> Any:
    kind = next(each for each in (list, tuple, set, frozenset) if isinstance(value, each))
    return kind(items)


def _leave_out(record: logging.LogRecord, error: Exception) -> None:
    kept = {name: value for name, value in record.__dict__.items() if name in STANDARD}
    record.__dict__.clear()
    record.__dict__.update(kept)
    record.msg = f"a line was left out, for it could not be redacted: {type(error).__name__}"
    record.args = record.exc_info = record.exc_text = record.stack_info = None


_formatter = logging.Formatter()
#: What every record has; anything else was given as `extra`.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
