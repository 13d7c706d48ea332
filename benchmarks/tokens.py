"""What it costs to verify and to sign a token, by algorithm and library.

Run: .venv/bin/python benchmarks/tokens.py

CPU microseconds of one access token, the fastest of nine rounds; in each round all have their turn.
`library` is the library's part alone: the signature of bytes by a key that is loaded.
"""

import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from backoffice.auth.jws import Compact
from backoffice.auth.key_ring import KeyRing, RingKey
from backoffice.auth.signatures import Library, Signature
from backoffice.auth.signing_keys import SigningKey
from backoffice.auth.tokens import AccessTokens
from backoffice.core import Clock

ROUNDS, CALLS = 9, 300
OFFERED: tuple[tuple[str, Library], ...] = (
    *(
        (name, library)
        for name in ("HS256", "RS256", "ES256")
        for library in ("python-jose", "joserfc")
    ),
    *((name, "joserfc") for name in ("PS256", "Ed25519")),
)


def main() -> None:
    keys = {name: SigningKey.generated(name) for name, _ in OFFERED}
    work: dict[tuple[str, str, str], Callable[[], object]] = {}
    for name, library in OFFERED:
        key = keys[name]
        tokens = AccessTokens(
            KeyRing([RingKey(key)], library),
            Clock(),
            issuer="shop",
            audience="api",
            lifetime=timedelta(hours=1),
        )
        user, session = uuid.uuid4(), uuid.uuid4()
        text = tokens.issue(user, session)
        parts, signature = Compact.of(text), Signature.of(key, library)
        work[name, library, "read"] = partial(tokens.read, text)
        work[name, library, "library"] = partial(signature.check, parts.signed, parts.signature)
        work[name, library, "issue"] = partial(tokens.issue, user, session)
    best = measured(work)
    print(f"{'':22}{'read':>9}{'library':>9}{'issue':>9}  microseconds")
    for name, library in OFFERED:
        row = [best[name, library, what] for what in ("read", "library", "issue")]
        print(f"{name:9}{library:13}" + "".join(f"{each:9.1f}" for each in row))


def measured(
    work: dict[tuple[str, str, str], Callable[[], object]],
) -> dict[tuple[str, str, str], float]:
    best = dict.fromkeys(work, float("inf"))
    for _ in range(ROUNDS):
        for name, call in work.items():
            began = time.process_time()
            for _ in range(CALLS):
                call()
            best[name] = min(best[name], (time.process_time() - began) / CALLS * 1e6)
    return best


if __name__ == "__main__":
    main()
