"""Whether a browser's request comes from a page of this very site (ASVS 3.5.1)."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def same_origin(connection: HTTPConnection) -> bool:
    """True if the browser says so. A request without either header is not a browser's."""
    fetch_site = connection.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    origin = connection.headers.get("origin")
    host = connection.headers.get("host")
    return bool(origin and host) and urlsplit(origin or "").netloc == host


def needs_same_origin(connection: HTTPConnection) -> bool:
    """Whether a cookie is not enough: for every change, and for every websocket."""
    if connection.scope["type"] == "websocket":
        return True
    return connection.scope.get("method", "GET") not in SAFE_METHODS
