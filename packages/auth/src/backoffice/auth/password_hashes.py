"""Hashes of passwords: argon2id for new ones, and those of other systems, which are replaced."""

import secrets
import time
import unicodedata
from dataclasses import dataclass
from functools import cache

from passlib.context import CryptContext

from backoffice.auth.password_costs import Kind, kind_of
from backoffice.auth.password_formats import (
    DjangoScrypt,
    WerkzeugPBKDF2,
    WerkzeugScrypt,
    django_argon2,
)

#: OWASP's first choice for argon2id, and what ASVS 11.4.2 asks for: 46 MiB, one pass, one lane.
#: One lane also keeps a sign-in from taking several cores from the requests beside it.
MEMORY_KIB, PASSES, LANES = 47_104, 1, 1
#: Longer passwords are neither taken nor verified; in characters.
MAX_LENGTH = 1024
#: What bcrypt reads of a password, in bytes; the hashes of others were made of no more.
_BCRYPT_READS = 72
_BCRYPT = frozenset({"bcrypt", "django_bcrypt"})

_context = CryptContext(
    schemes=[
        "argon2",
        "bcrypt",
        "bcrypt_sha256",
        "django_bcrypt",
        "django_bcrypt_sha256",
        "django_pbkdf2_sha1",
        "django_pbkdf2_sha256",
        "pbkdf2_sha1",
        "pbkdf2_sha256",
        "pbkdf2_sha512",
        "scrypt",
        "phpass",
        django_argon2,
        DjangoScrypt,
        WerkzeugScrypt,
        WerkzeugPBKDF2,
    ],
    default="argon2",
    deprecated="auto",
    argon2__type="id",
    argon2__memory_cost=MEMORY_KIB,
    argon2__time_cost=PASSES,
    argon2__parallelism=LANES,
)


@dataclass(frozen=True)
class Run:
    """Of which kind the hash was that was run, how often, and the seconds that it took."""

    kind: Kind
    times: int
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """What verifying has found."""

    right: bool
    #: A hash to keep in place of the stored one; None if that is as good as today's.
    better: str | None
    run: Run
    #: Why a stored hash was of no use, for whoever runs the app; it holds nothing of the hash.
    fault: str = ""


def normalised(password: str) -> str:
    """NFKC, so that the same password typed on two keyboards is the same (NIST 800-63B-4)."""
    return unicodedata.normalize("NFKC", password)


def made(password: str) -> str:
    """The argon2id hash of the password."""
    return _context.hash(normalised(password))


def readable(stored: str) -> bool:
    """Whether a hash of another system can be verified: its form, its cost, and all its parts."""
    kind = kind_of(stored)
    if kind is None:
        return False
    try:
        _context.handler(kind.form).from_string(stored)
    # As in `judged`: whatever a damaged hash makes of the libraries.
    except Exception:  # noqa: BLE001
        return False
    return True


def judged(password: str, stored: str | None) -> Verdict:
    """Whether the password is the one that was hashed. Never raises.

    Whatever is stored, one hash is run, or two for a password that NFKC changes: other systems
    hash what was typed. Where nothing is stored, or nothing that can be used, it is a decoy's.
    """
    kind = kind_of(stored) if stored is not None else None
    if stored is None or kind is None:
        return _in_vain(password, _unread(stored))
    try:
        right, run = _run(password, stored, kind)
    # Whatever a damaged hash makes of the libraries: assertions, struct errors, warnings.
    except Exception as error:  # noqa: BLE001
        return _in_vain(password, f"{kind.form}: {type(error).__name__}")
    better = made(password) if right and _context.needs_update(stored) else None
    return Verdict(right, better, run)


def _in_vain(password: str, fault: str) -> Verdict:
    _, run = _run(password, *_decoy())
    return Verdict(False, None, run, fault)


def _run(password: str, stored: str, kind: Kind) -> tuple[bool, Run]:
    started, times = time.perf_counter(), 0
    for each in _spellings(password):
        times += 1
        if _matches(each, stored, kind):
            return True, Run(kind, times, time.perf_counter() - started)
    return False, Run(kind, times, time.perf_counter() - started)


def _unread(stored: str | None) -> str:
    # Nothing, Django's `!...` and others' `*` say that there is no password: nobody's fault.
    return "of no known form, or too costly" if stored and stored[0] not in "!*" else ""


def _spellings(password: str) -> tuple[str, ...]:
    """What may have been hashed; nothing if no hash takes it, whoever's it is."""
    normal = normalised(password) if len(password) <= MAX_LENGTH else password
    if len(normal) > MAX_LENGTH or not _encodable(normal):
        return ()
    return (normal,) if normal == password else (normal, password)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _matches(password: str, stored: str, kind: Kind) -> bool:
    secret = password.encode()
    if kind.form in _BCRYPT:
        secret = secret[:_BCRYPT_READS]
    return bool(_context.handler(kind.form).verify(secret, stored))


@cache
def _decoy() -> tuple[str, Kind]:
    """Verified in place of a missing user's hash, so that strangers cost the same time.

    One for the process: it takes 45 ms, which an app would wait at each start.
    """
    return _context.hash(secrets.token_urlsafe()), Kind("argon2", (MEMORY_KIB, PASSES, LANES))


def prepare() -> None:
    """Make the decoy now, not while the first stranger waits."""
    _decoy()
