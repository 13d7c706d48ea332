"""Keys: under what a store counts a caller, for one name and one limit."""

import base64
import hashlib
from functools import lru_cache

from backoffice.ratelimit.limits import Limit


class Keys:
    """The keys of one namespace: `backoffice:{caller}:name-and-limit`, both as digests."""

    def __init__(self, namespace: str) -> None:
        self.namespace: str = namespace

    def of(self, name: str, caller: str, limit: Limit) -> str:
        """The key of a limit of that name, for the caller of that digest."""
        # In braces: Redis Cluster keeps together what is checked together.
        return f"{self.namespace}:{{{caller}}}:{_counted(name, limit.text)}"


@lru_cache(maxsize=8192)
def digest(text: str) -> str:
    """128 bits: no address or name of a caller stands in a key, and no key grows with it."""
    # A key may come from JSON, which can hold halves of surrogate pairs.
    return _short(text.encode("utf-8", "surrogatepass"), 16)


@lru_cache(maxsize=8192)
def _counted(name: str, limit: str) -> str:
    """48 bits tell apart what one caller is limited in; with 64 a key would take 136 bytes."""
    return _short(f"{name}\n{limit}".encode("utf-8", "surrogatepass"), 6)


def _short(text: bytes, size: int) -> str:
    digest = hashlib.sha256(text).digest()[:size]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
