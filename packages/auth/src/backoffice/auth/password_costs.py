"""What a stored hash asks for: read, and bounded, before anything is run.

A hash comes from a database that others may have filled. One that asks for 4 GB of memory or 2**31
rounds is taken for no hash at all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

#: The column's length.
LONGEST_HASH = 1024
#: Django's argon2 takes 100 MiB, scrypt as OWASP has it 128 MiB.
MOST_MEMORY = 256 << 20
#: Each about a second of one core of 2020.
MOST_ARGON2 = 1 << 20  # KiB times passes
MOST_LANES = 16  # a thread each
MOST_BCRYPT = 15
MOST_PBKDF2 = 5_000_000
MOST_SCRYPT = 1 << 22  # N r p
#: 0.05 s, in which the interpreter does nothing else: phpass is a loop in Python.
MOST_PHPASS = 16

_ORDER = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Kind:
    """A form of hash with what it costs: hashes of a kind take the same time."""

    form: str
    costs: tuple[int, ...]


def kind_of(stored: str) -> Kind | None:
    """The hash's kind; None for what is no hash that we read, or costs more than we give."""
    if len(stored) > LONGEST_HASH or not stored.isascii():
        return None
    for form, (shape, parsed, affordable) in _FORMS.items():
        if found := shape.match(stored):
            costs = parsed(found)
            return Kind(form, costs) if affordable(*costs) else None
    return None


def _numbers(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(each) for each in found.groups())


def _of_passlib(found: re.Match[str]) -> tuple[int, ...]:
    log, r, p = _numbers(found)
    return (1 << min(log, 64), r, p)


def _of_phpass(found: re.Match[str]) -> tuple[int, ...]:
    return (_ORDER.index(found[1]),)


def _argon2(memory: int, passes: int, lanes: int) -> bool:
    affordable = memory << 10 <= MOST_MEMORY and memory * passes <= MOST_ARGON2
    return affordable and lanes <= MOST_LANES


def _bcrypt(rounds: int) -> bool:
    return rounds <= MOST_BCRYPT


def _pbkdf2(rounds: int) -> bool:
    return 1 <= rounds <= MOST_PBKDF2


def _scrypt(n: int, r: int, p: int) -> bool:
    # RFC 7914, 2: N is a power of 2, and more than 1; what else is asked for is never computed.
    possible = n > 1 and not n & (n - 1) and min(r, p) > 0
    return possible and 128 * n * r <= MOST_MEMORY and n * r * p <= MOST_SCRYPT


def _phpass(rounds: int) -> bool:
    return rounds <= MOST_PHPASS


_Form = tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[int, ...]], Callable[..., bool]]
_N = r"(\d{1,10})"
_BCRYPT = r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}\Z"
_ARGON2 = rf"\$argon2(?:i|d|id)\$(?:v=\d\d\$)?m={_N},t={_N},p={_N}\$[^$]+\$[^$]+\Z"
_FORMS: dict[str, _Form] = {
    name: (re.compile(shape), parsed, affordable)
    for name, shape, parsed, affordable in (
        ("argon2", _ARGON2, _numbers, _argon2),
        ("django_argon2_any", "argon2" + _ARGON2, _numbers, _argon2),
        ("django_pbkdf2_sha256", rf"pbkdf2_sha256\${_N}\$", _numbers, _pbkdf2),
        ("django_pbkdf2_sha1", rf"pbkdf2_sha1\${_N}\$", _numbers, _pbkdf2),
        ("django_scrypt", rf"scrypt\${_N}\$[^$]+\${_N}\${_N}\$", _numbers, _scrypt),
        ("django_bcrypt_sha256", rf"bcrypt_sha256\${_BCRYPT}", _numbers, _bcrypt),
        ("django_bcrypt", rf"bcrypt\${_BCRYPT}", _numbers, _bcrypt),
        ("bcrypt", _BCRYPT, _numbers, _bcrypt),
        (
            "bcrypt_sha256",
            r"\$bcrypt-sha256\$(?:v=2,t=2[ab],r=|2[ab],)(\d{1,2})\$",
            _numbers,
            _bcrypt,
        ),
        ("werkzeug_pbkdf2", rf"pbkdf2:sha(?:1|224|256|384|512):{_N}\$", _numbers, _pbkdf2),
        ("werkzeug_scrypt", rf"scrypt:{_N}:{_N}:{_N}\$", _numbers, _scrypt),
        ("pbkdf2_sha1", rf"\$pbkdf2\${_N}\$", _numbers, _pbkdf2),
        ("pbkdf2_sha256", rf"\$pbkdf2-sha256\${_N}\$", _numbers, _pbkdf2),
        ("pbkdf2_sha512", rf"\$pbkdf2-sha512\${_N}\$", _numbers, _pbkdf2),
        ("scrypt", rf"\$scrypt\$ln={_N},r={_N},p={_N}\$", _of_passlib, _scrypt),
        ("phpass", r"\$[PH]\$([./0-9A-Za-z])[./0-9A-Za-z]{30}\Z", _of_phpass, _phpass),
    )
}
