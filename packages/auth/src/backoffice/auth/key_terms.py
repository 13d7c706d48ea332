"""The terms of an API key: from which networks it may be used, and how often."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

from backoffice.auth.models import ApiKey
from backoffice.core import InvalidInput, SetupError
from backoffice.ratelimit import Limit, Limiter, client_address, limits

MOST_NETWORKS = 50
LONGEST_NETWORK, LONGEST_LIMIT = 50, 100
#: What the uses of a key are counted as.
COUNTED_AS = "api-key"


class KeyTerms:
    """Holds keys to their terms, at every use: what is remembered of a key keeps them too."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def permits(self, key: ApiKey, connection: HTTPConnection) -> bool:
        """Whether the connection comes from where the key may be used.

        False as well for terms that cannot be read, which somebody wrote by hand.
        """
        try:
            if key.rate_limit is not None:
                _limits(key.rate_limit)
            return key.networks is None or _comes_from(connection, key.networks)
        except (ValueError, SetupError):
            return False

    async def spend(self, key: ApiKey) -> None:
        """Count a use; TooManyRequests where the key's limit is spent."""
        if key.rate_limit is None:
            return
        await self._limiter.enforce(COUNTED_AS, str(key.id), _limits(key.rate_limit))


def network(written: str) -> str:
    """The network in its one spelling: `10.0.0.0/8`, `2001:db8::/32`, or one address alone."""
    found = _parsed(written)
    if found is None:
        raise InvalidInput(
            f"{written[:LONGEST_NETWORK]!r} is no network; write 10.0.0.0/8, 2001:db8::/32 or an "
            "address, with no bits set behind the length",
            code="invalid_network",
        )
    if isinstance(found, IPv6Network) and found.network_address.ipv4_mapped:
        raise InvalidInput("write IPv4 addresses as such, not as ::ffff:", code="invalid_network")
    return str(found)


def networks(written: Iterable[str] | None) -> list[str] | None:
    """Networks in order, each once; None stands for anywhere."""
    if written is None:
        return None
    found = {network(each) for each in written}
    if not 0 < len(found) <= MOST_NETWORKS:
        raise InvalidInput(
            f"name 1 to {MOST_NETWORKS} networks, or leave them out for anywhere",
            code="invalid_network",
        )
    return sorted(found)


def within(inner: Sequence[str] | None, outer: Sequence[str] | None) -> bool:
    """Whether all the networks of one list lie within those of another."""
    if outer is None:
        return True
    return inner is not None and all(any(_covers(wide, each) for wide in outer) for each in inner)


def rate_limit(written: str | None) -> str | None:
    """A limit such as `100/minute` in its one spelling; None stands for no limit."""
    if written is None:
        return None
    try:
        [found] = limits(written)
    except SetupError as error:
        raise InvalidInput(error.message, code="invalid_limit") from None
    if len(str(found)) > LONGEST_LIMIT:
        raise InvalidInput("the limit is too long; write 100/minute", code="invalid_limit")
    return str(found)


def _covers(wide: str, narrow: str) -> bool:
    one, other = _network(narrow), _network(wide)
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.subnet_of(other)
    if isinstance(one, IPv6Network) and isinstance(other, IPv6Network):
        return one.subnet_of(other)
    return False


def _comes_from(connection: HTTPConnection, networks: Sequence[str]) -> bool:
    address = ip_address(client_address(connection))
    return any(address in _network(each) for each in networks)


def _parsed(written: str) -> IPv4Network | IPv6Network | None:
    # A zone (%eth0) is one machine's name for a wire, and no part of a network.
    if len(written) > LONGEST_NETWORK or "%" in written:
        return None
    try:
        return _network(written.strip())
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


@lru_cache(maxsize=1024)
def _limits(written: str) -> tuple[Limit, ...]:
    return limits(written)
