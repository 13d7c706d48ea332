"""The key ring: which key signs now, and which keys are believed.

A key is found by the `kid` of a token and verifies by its own algorithm: no header chooses one.
There are several while one takes over from another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backoffice.auth import jwk
from backoffice.auth.credentials import derived_key
from backoffice.auth.jws import Compact, Header, InvalidToken, encoded
from backoffice.auth.signatures import Library, Signature
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError

MAX_KEYS = 32
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class RingKey:
    """A key with its times.

    It signs from `signs_from` on, unless a later one does. It is believed from the start, and
    until `retire_after`. Without these: since ever, and for good.
    """

    key: SigningKey
    signs_from: datetime | None = None
    retire_after: datetime | None = None

    def is_retired(self, moment: datetime) -> bool:
        """Whether the key is not believed any more."""
        return self.retire_after is not None and self.retire_after <= moment


@dataclass(frozen=True)
class Verified:
    """What a key of the ring has signed, and when that key is not believed any more."""

    payload: bytes
    until: datetime | None


class KeyRing:
    """Signs with the newest key, and verifies with every key that is not retired."""

    def __init__(self, entries: Sequence[RingKey], library: Library) -> None:
        self._library = library
        #: Grows whenever the keys change: what was verified before is to be verified again.
        self.generation = 0
        self._by_kid: Mapping[str | None, tuple[RingKey, Signature]] = {}
        self.replace(entries)

    def replace(self, entries: Sequence[RingKey]) -> None:
        """Go on with these keys; SetupError, and nothing changes, where they are not fit.

        Any thread may do it: whoever signs or verifies meanwhile has either all or none of them.
        """
        check(entries)
        self._by_kid = {
            each.key.kid: (each, Signature.of(each.key, self._library)) for each in entries
        }
        self.generation += 1

    @property
    def entries(self) -> list[RingKey]:
        """The keys with their times."""
        return [entry for entry, _ in self._by_kid.values()]

    def sign(self, payload: bytes, typ: str, moment: datetime) -> str:
        """A token of that type with this payload, by the key whose time it is."""
        held = self._by_kid
        key = signing([entry for entry, _ in held.values()], moment).key
        _, signature = held[key.kid]
        if signature.sign is None:  # signing() leaves these out
            raise SetupError(f"the key {key.kid} is public and cannot sign")
        signed = f"{Header(key.algorithm, key.kid, typ).encoded()}.{encoded(payload)}"
        return f"{signed}.{encoded(signature.sign(signed.encode()))}"

    def verified(self, token: str, typ: str | None, moment: datetime) -> "Verified":
        """What a token of that type by a key of the ring holds; InvalidToken for any other."""
        parts = Compact.of(token)
        entry, signature = self._by_kid.get(parts.header.kid, (None, None))
        if entry is None or signature is None or entry.is_retired(moment):
            raise InvalidToken("key")
        if parts.header.alg != entry.key.algorithm:
            raise InvalidToken("algorithm")
        if parts.header.typ != typ:
            raise InvalidToken("type")
        signature.check(parts.signed, parts.signature)
        return Verified(parts.payload, entry.retire_after)

    def public_keys(self, moment: datetime) -> list[dict[str, Any]]:
        """What others verify our tokens by; of secrets there is nothing to show."""
        believed = [each.key for each in self.entries if not each.is_retired(moment)]
        return [jwk.public(key) for key in believed if key.public is not None]


def of_secrets(secrets: Iterable[bytes]) -> list[RingKey]:
    """An HS256 key from each secret, derived for tokens alone; that of the first signs."""
    return [
        RingKey(SigningKey.of_secret(derived_key(each, "token"), _kid(each))) for each in secrets
    ]


def signing(entries: Iterable[RingKey], moment: datetime) -> RingKey:
    """The key whose time it is to sign: of those whose time has come, the newest that stays."""
    able = [each for each in entries if each.key.can_sign and not each.is_retired(moment)]
    due = [each for each in able if _since(each) <= moment]
    if due:
        staying = [each for each in due if each.retire_after is None]
        return max(staying or due, key=_since)
    if able:  # rather one that signs too early than nobody signed in
        return min(able, key=_since)
    raise SetupError("the key ring has no key that signs; run `backoffice secrets rotate`")


def check(entries: Sequence[RingKey]) -> None:
    """SetupError unless these keys are fit to be one ring."""
    kids = [each.key.kid for each in entries]
    if not 1 <= len(entries) <= MAX_KEYS:
        raise SetupError(f"a key ring has 1 to {MAX_KEYS} keys")
    if len({*kids}) < len(kids):
        raise SetupError("two keys have the same kid")
    lasting = [each.key for each in entries if each.retire_after is None]
    if not lasting:
        raise SetupError("every key has a retire_after: none would be left to sign")
    if not all(key.can_sign for key in lasting):
        raise SetupError("a key without retire_after needs its private half, for it has to sign")
    # One that retires may be of the other sort: by its kid, a token chooses no other algorithm.
    if len({key.secret is None for key in lasting}) > 1:
        raise SetupError("secrets and public keys are mixed (ASVS 9.1.2); give one a retire_after")


def _kid(secret: bytes) -> str:
    return derived_key(secret, "token key id").hex()[:16]


def _since(entry: RingKey) -> datetime:
    return entry.signs_from or _EVER
