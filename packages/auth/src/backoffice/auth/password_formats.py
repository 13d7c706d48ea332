"""Hashes of other systems that passlib does not read: Django's argon2id and scrypt, werkzeug's."""

from base64 import b64decode
from hashlib import pbkdf2_hmac, scrypt
from typing import Any, ClassVar, Self

from passlib.hash import argon2
from passlib.utils import handlers

#: scrypt needs a little more than its table; password_costs has bounded that before.
_HEADROOM = 1 << 20


class _Foreign(handlers.HasRawChecksum, handlers.GenericHandler):
    """A form that is read and verified, and never written."""

    setting_kwds: ClassVar[tuple[str, ...]] = ()
    salt: bytes

    @classmethod
    def _read(cls, salt: str, checksum: bytes, **costs: Any) -> Self:
        # Its stubs say str, which holds for handlers that keep the checksum as text.
        made = cls(checksum=checksum)  # type: ignore[arg-type]
        made.salt = salt.encode()
        for name, cost in costs.items():
            setattr(made, name, cost)
        return made


class _Scrypt(_Foreign):
    checksum_size = 64
    n: int
    r: int
    p: int

    def _calc_checksum(self, secret: str | bytes) -> bytes:
        maxmem = 128 * self.r * (self.n + self.p) + _HEADROOM
        return scrypt(
            _octets(secret), salt=self.salt, n=self.n, r=self.r, p=self.p, maxmem=maxmem, dklen=64
        )


class DjangoScrypt(_Scrypt):
    """`scrypt$16384$salt$8$5$base64`."""

    name = "django_scrypt"
    ident = "scrypt$"

    @classmethod
    def from_string(cls, hash: str | bytes, **_: Any) -> Self:  # noqa: A002
        """The parts of a hash."""
        _form, n, salt, r, p, checksum = _text(hash).split("$")
        return cls._read(salt, b64decode(checksum, validate=True), n=int(n), r=int(r), p=int(p))


class WerkzeugScrypt(_Scrypt):
    """`scrypt:32768:8:1$salt$hex`."""

    name = "werkzeug_scrypt"
    ident = "scrypt:"

    @classmethod
    def from_string(cls, hash: str | bytes, **_: Any) -> Self:  # noqa: A002
        """The parts of a hash."""
        method, salt, checksum = _text(hash).split("$")
        n, r, p = (int(each) for each in method.split(":")[1:])
        return cls._read(salt, bytes.fromhex(checksum), n=n, r=r, p=p)


class WerkzeugPBKDF2(_Foreign):
    """`pbkdf2:sha256:1000000$salt$hex`."""

    name = "werkzeug_pbkdf2"
    ident = "pbkdf2:"
    digest: str
    rounds: int

    @classmethod
    def from_string(cls, hash: str | bytes, **_: Any) -> Self:  # noqa: A002
        """The parts of a hash."""
        method, salt, checksum = _text(hash).split("$")
        _form, digest, rounds = method.split(":")
        return cls._read(salt, bytes.fromhex(checksum), digest=digest, rounds=int(rounds))

    def _calc_checksum(self, secret: str | bytes) -> bytes:
        return pbkdf2_hmac(self.digest, _octets(secret), self.salt, self.rounds)


#: `argon2$argon2id$v=19$...`; passlib's own of this name takes argon2i alone.
django_argon2 = handlers.PrefixWrapper(
    "django_argon2_any", argon2, prefix="argon2", ident="argon2$"
)


def _text(stored: str | bytes) -> str:
    return stored.decode("ascii") if isinstance(stored, bytes) else stored


def _octets(secret: str | bytes) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret
