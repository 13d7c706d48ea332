"""Whether a browser's request comes from a page of this very site (ASVS 3.5.1)."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_ORIGIN = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_HTTPS = ":443"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def same_origin(connection: HTTPConnection) -> bool:
    """True if the browser says so. A request without either header is not a browser's."""
    fetch_site = connection.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    return _of_host(connection)


def _of_host(connection: HTTPConnection) -> bool:
    origin, host = connection.headers.get("origin"), connection.headers.get("host")
    if not origin or not host:
        return False
    # Behind a proxy that ends TLS we may be asked by http for a page that the browser has by
    # https; the other way round, somebody on the network may have written the page.
    plain = connection.url.scheme in ("http", "ws")
    return origin == f"https://{host}" or (plain and origin == f"http://{host}")


def permitted(connection: HTTPConnection, trusted: Collection[str]) -> bool:
    """Whether a cookie will do, where `needs_same_origin`.

    A websocket is bound by no browser to the site of its page, so it must say from which page it
    comes: from one of this site, or of an origin that is trusted (RFC 6455, 10.2).
    """
    if connection.scope["type"] != "websocket":
        return same_origin(connection)
    if connection.headers.getlist("origin")[1:]:
        return False
    if connection.headers.get("origin") in trusted:
        return True
    return _of_host(connection) and same_origin(connection)


def needs_same_origin(connection: HTTPConnection) -> bool:
    """Whether a cookie is not enough: for every change, and for every websocket."""
    if connection.scope["type"] == "websocket":
        return True
    return connection.scope.get("method", "GET") not in SAFE_METHODS


def written_origin(value: str) -> str:
    """An origin as browsers send it; ValueError for anything but https and a host."""
    text = value.strip().lower().rstrip("/")
    found = _ORIGIN.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65535:
        raise ValueError("is not an origin; write it as https://shop.example.com, without a path")
    return text.removesuffix(_HTTPS)


def written_public_url(value: str) -> str:
    """Where the app is met, without a slash at its end; ValueError for what no link can lead to.

    http will do on this very machine alone: a link carries what takes an account over.
    """
    text = value.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    here = host in ("localhost", "127.0.0.1", "::1")
    if not host or parts.scheme not in ("https", *["http"] * here):
        raise ValueError("is no address for links; write it as https://shop.example.com")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("is no address for links; leave out user, query and fragment")
    return text
