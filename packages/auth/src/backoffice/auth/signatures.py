"""The seam to the libraries that sign and verify: python-jose by default, joserfc as an extra.

They get a key that was loaded once, and the bytes that are signed; nothing to parse. Header,
base64url and JSON are read by `jws.py`: what a library makes of them (python-jose ignores `crit`,
and runs out of stack on a nested header) is out of reach.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from backoffice.auth import jwk
from backoffice.auth.jws import InvalidToken
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError

Library = Literal["python-jose", "joserfc"]

_OF_PYTHON_JOSE = {"HS256", "RS256", "ES256"}


@dataclass(frozen=True)
class Signature:
    """What one key does; `sign` is None where there is only the public half."""

    length: int
    sign: Callable[[bytes], bytes] | None
    verifies: Callable[[bytes, bytes], bool]

    @classmethod
    def of(cls, key: SigningKey, library: Library) -> "Signature":
        """The key as that library takes it; SetupError where the library lacks the algorithm."""
        return (_by_joserfc if library == "joserfc" else _by_python_jose)(key)

    def check(self, signed: bytes, signature: bytes) -> None:
        """InvalidToken unless this is the key's signature of these bytes."""
        if len(signature) != self.length:
            raise InvalidToken("signature")
        try:
            good = self.verifies(signed, signature)
        except Exception as error:
            # Whatever a library raises, of its own or not, it did not say yes.
            raise InvalidToken("signature") from error
        if good is not True:
            raise InvalidToken("signature")


def _by_python_jose(key: SigningKey) -> Signature:
    from jose.jwk import construct

    if key.algorithm not in _OF_PYTHON_JOSE:
        raise SetupError(
            f"python-jose has no {key.algorithm}; install fastapi-backoffice-auth[joserfc] and "
            "set BACKOFFICE_AUTH__TOKEN_LIBRARY to joserfc"
        )
    # Key objects: given anything else, python-jose parses the key again at each call. It warns of
    # a private one that verifies. Its types know only keys that are written out.
    verifying: Any = construct(key.secret or key.public, key.algorithm)  # type: ignore[arg-type]
    signing: Any = construct(key.secret or key.private, key.algorithm) if key.can_sign else None  # type: ignore[arg-type]
    return Signature(key.signature_length, signing and signing.sign, verifying.verify)


def _by_joserfc(key: SigningKey) -> Signature:
    if find_spec("joserfc") is None:
        raise SetupError(
            "BACKOFFICE_AUTH__TOKEN_LIBRARY is joserfc, which is not installed; "
            "install fastapi-backoffice-auth[joserfc]"
        )
    from joserfc.jwk import JWKRegistry
    from joserfc.jws import JWSRegistry

    # Only the names differ, and joserfc warns of the old one.
    algorithm = JWSRegistry.algorithms["Ed25519" if key.algorithm == "EdDSA" else key.algorithm]
    loaded = JWKRegistry.import_key({**jwk.private(key), "alg": algorithm.name})
    return Signature(
        key.signature_length,
        (lambda signed: algorithm.sign(signed, loaded)) if key.can_sign else None,
        lambda signed, signature: algorithm.verify(signed, signature, loaded),
    )
