"""A line's account, as far as the line alone can tell; or why it is refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from backoffice.auth.password_hashes import readable
from backoffice.auth.user_files.addresses import normal_address
from backoffice.auth.user_files.faults import Refused

T = TypeVar("T")

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
#: The clocks of two machines.
_AHEAD = timedelta(minutes=5)
_FIRST_YEAR = 1970
_MOST_ROLES = 100


@dataclass(slots=True)
class Row:
    """What a line says of an account; None is what it does not say."""

    line: int
    email: str
    hashed_password: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    is_active: bool | None = None
    is_verified: bool | None = None
    is_superuser: bool | None = None
    roles: tuple[str, ...] | None = None
    created_at: datetime | None = None
    service: bool | None = None


def address_in(values: dict[str, Any]) -> str:
    """The normal address of a line, which is looked at first: a later line with it is refused."""
    return normal_address(_text(values.get("email")).strip())


def row_of(line: int, email: str, values: dict[str, Any], now: datetime) -> Row:
    """What the line says; Refused for what cannot be."""
    row = Row(
        line,
        email,
        hashed_password=_hash(_text(values.get("password_hash"))),
        # As it is: a blank at an end may belong to it.
        password=_text(values.get("password")) or None,
        is_active=_boolean(values, "is_active"),
        is_verified=_boolean(values, "is_verified"),
        is_superuser=_boolean(values, "is_superuser"),
        roles=_roles(values.get("roles")),
        created_at=_moment(_text(values.get("created_at")).strip(), now),
        service=_boolean(values, "service"),
    )
    _check(row)
    return row


def _check(row: Row) -> None:
    if row.password and row.hashed_password:
        raise Refused("two_passwords")
    if row.service and (row.password or row.hashed_password):
        raise Refused("service_password")
    if row.service and row.is_superuser:
        raise Refused("service_superuser")


def _text(value: Any) -> str:
    """A cell's text; nothing for JSON's null."""
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value or not _encodable(value):
        raise Refused("not_text")
    return value


def _encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def _hash(text: str) -> str | None:
    # Django's `!...` and others' `*` say that there is no password.
    if not (stripped := text.strip()) or stripped[0] in "!*":
        return None
    if not readable(stripped):
        raise Refused("unknown_hash")
    return stripped


def _boolean(values: dict[str, Any], name: str) -> bool | None:
    value = values.get(name)
    if isinstance(value, int) and value in (0, 1):  # JSON's own, and what others make of it
        return bool(value)
    if not (text := _of("invalid_boolean", _text, value).strip().lower()):
        return None
    if text not in _BOOLEANS:
        raise Refused("invalid_boolean")
    return _BOOLEANS[text]


def _roles(value: Any) -> tuple[str, ...] | None:
    """Names with | between them, or a list as JSON has it; None for an empty cell."""
    if value is None:
        return None
    if isinstance(value, str):
        if not (text := _text(value).strip()):
            return None
        names = _list(text) if text.startswith("[") else [each.strip() for each in text.split("|")]
    else:
        names = value
    if not isinstance(names, list) or len(names) > _MOST_ROLES:
        raise Refused("invalid_roles")
    return tuple(dict.fromkeys(each for each in map(_name, names) if each))


def _name(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or not _encodable(value):
        raise Refused("invalid_roles")
    return value


def _list(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("invalid_roles") from None


def _moment(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        moment = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("invalid_moment") from None
    if moment.year < _FIRST_YEAR or moment > now + _AHEAD:
        raise Refused("invalid_moment")
    return moment


def _of(code: str, read: Callable[[Any], T], value: Any) -> T:
    """What `read` gives; Refused with this code, whatever it says itself."""
    try:
        return read(value)
    except Refused:
        raise Refused(code) from None
