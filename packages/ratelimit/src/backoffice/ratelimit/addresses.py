"""Where a connection comes from, as far as the proxies in between are trusted."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection
from starlette.types import Scope

from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

UNKNOWN = "unknown"
IPV6_PREFIX = 64
#: More hops than any chain of proxies has; what a client writes before them is not looked at.
MOST_HOPS = 32
LONGEST_ADDRESS = 64
#: What a client writes before the hops has no bounds, and a memory must.
LONGEST_REMEMBERED = 128
FORWARDED_FOR = b"x-forwarded-for"


def client_address(connection: HTTPConnection) -> str:
    """The client's address; X-Forwarded-For counts only where trusted proxies wrote it.

    `unknown` where nothing tells, as on a Unix socket without trusted proxies.
    """
    return address_in(connection.scope, ratelimit_settings.of(connection))


def address_in(scope: Scope, settings: RateLimitSettings) -> str:
    """The same, for who has the settings at hand."""
    host, port = scope.get("client") or (UNKNOWN, 0)
    trusted, peer = settings.trusted_proxies, str(host)
    if not trusted:
        # A server that reads the header by itself has set the port to 0.
        if port and _forwarded(scope) and not settings.forwarding_told:
            settings.tell_forwarding(peer)
        return _shown(peer)
    forwarded = _forwarded(scope)
    if len(forwarded) > LONGEST_REMEMBERED:
        return _believed(peer, forwarded, trusted)
    return _remembered(peer, forwarded, trusted)


def client_network(connection: HTTPConnection) -> str:
    """What to count a stranger by: the IPv4 address, or the /64 that one IPv6 customer is given."""
    return network_of(client_address(connection))


def _forwarded(scope: Scope) -> str:
    """All its lines as one."""
    for name, _ in scope["headers"]:  # at each request, and most have none
        if name == FORWARDED_FOR:
            break
    else:
        return ""
    lines = [line for name, line in scope["headers"] if name == FORWARDED_FOR]
    return ",".join([line.decode("latin-1") for line in lines])


def _believed(peer: str, forwarded: str, trusted: Sequence[IPNetwork]) -> str:
    """Walk from the right, from hop to hop, as long as those who vouch are trusted."""
    nearest = _parsed(peer)
    # A Unix socket has no addresses: what connects to it is the proxy on this machine.
    vouches = peer == UNKNOWN or _among(nearest, trusted)
    for hop in _hops(forwarded):
        further = _parsed(hop)
        if not vouches or further is None:
            break
        nearest, vouches = further, _among(further, trusted)
    return peer if nearest is None else str(nearest)


def _among(address: IPAddress | None, networks: Sequence[IPNetwork]) -> bool:
    return address is not None and any(address in network for network in networks)


# The walk takes 12 microseconds, and who has come once comes again.
_remembered = lru_cache(maxsize=4096)(_believed)


def _hops(forwarded: str) -> Iterator[str]:
    parts = forwarded.rsplit(",", MOST_HOPS)
    return (part.strip() for part in reversed(parts[-MOST_HOPS:]))


def _parsed(text: str) -> IPAddress | None:
    return _read(text) if len(text) <= LONGEST_ADDRESS else None


@lru_cache(maxsize=4096)
def _read(text: str) -> IPAddress | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket that listens on both families shows IPv4 clients as ::ffff:a.b.c.d.
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=4096)
def _shown(peer: str) -> str:
    address = _parsed(peer)
    return peer if address is None else str(address)


@lru_cache(maxsize=4096)
def network_of(text: str) -> str:
    """What an address is counted by."""
    address = _parsed(text)
    if not isinstance(address, IPv6Address):
        return text
    return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))
