"""What is asked of a new password, after NIST 800-63B-4 (3.1.1.2) and ASVS 5.0 (6.2).

Length, and that nobody would guess it: no rules of composition, no expiry.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any

from backoffice.auth.common_passwords import is_common
from backoffice.auth.password_hashes import MAX_LENGTH, normalised
from backoffice.core import InvalidInput

#: The fields of an account that its password must not be like, where it has them.
PERSONAL = ("email", "username", "name", "full_name", "first_name", "last_name")
#: How much alike is too much; Django's figure, by Django's measure.
MOST_ALIKE = 0.7


def refuse_weak(password: str, min_length: int, about: Iterable[str] = ()) -> None:
    """InvalidInput `weak_password` with the `reason` for a password that will not do.

    `about` is what is known of its owner: the address, names.
    """
    if len(password) > MAX_LENGTH:  # before anything else looks at a megabyte
        raise too_long()
    normal = normalised(password)
    if any("\ud800" <= each <= "\udfff" for each in normal):
        raise weak("not_text", "It has half a character in it, which no keyboard types.")
    if len(normal) < min_length:
        message = f"Use at least {min_length} characters; a few words do well."
        raise weak("too_short", message, min_length=min_length)
    if len(normal) > MAX_LENGTH:
        raise too_long()
    if len(set(normal)) == 1:
        raise weak("repeated", "One character, repeated, is guessed at once.")
    if is_common(normal):
        raise weak("common", "Too many people use this password; it is tried first.")
    if any(_alike(normal.casefold(), each) for each in _pieces(about)):
        raise weak("personal", "It is too much like your address or your name.")


def personal(user: object) -> list[str]:
    """What an account, or the form of a new one, says of its owner."""
    found = (getattr(user, name, None) for name in PERSONAL)
    return [each for each in found if isinstance(each, str) and each]


def breached(times: int) -> InvalidInput:
    """The refusal of a password that others have lost."""
    message = "This password has come out in a theft of data; whoever tries it has it in a list."
    return weak("breached", message, times=times)


def too_long() -> InvalidInput:
    """The refusal of a password that is longer than any that is hashed."""
    return weak("too_long", f"Use at most {MAX_LENGTH} characters.", max_length=MAX_LENGTH)


def weak(reason: str, message: str, **data: Any) -> InvalidInput:
    """The refusal of a password; `reason` and data are for programs; a reason never changes."""
    return InvalidInput(message, code="weak_password", reason=reason, **data)


def _pieces(about: Iterable[str]) -> Iterator[str]:
    for text in about:
        plain = normalised(text).casefold()
        yield plain
        yield from filter(None, re.split(r"\W+", plain))


def _alike(password: str, piece: str) -> bool:
    # What is ten times as long cannot be like it, and is not worth the comparison.
    if len(password) >= 10 * len(piece):
        return False
    return SequenceMatcher(a=password, b=piece).quick_ratio() >= MOST_ALIKE
