"""Whether a browser's request comes from a page of this very site (ASVS 3.5.1)."""

from starlette.requests import HTTPConnection

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def same_origin(connection: HTTPConnection) -> bool:
    """True if the browser says so. A request without either header is not a browser's."""
    fetch_site = connection.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    origin, host = connection.headers.get("origin"), connection.headers.get("host")
    if not origin or not host:
        return False
    # Behind a proxy that ends TLS we may be asked by http for a page that the browser has by
    # https; the other way round, somebody on the network may have written the page.
    plain = connection.url.scheme in ("http", "ws")
    return origin == f"https://{host}" or (plain and origin == f"http://{host}")


def needs_same_origin(connection: HTTPConnection) -> bool:
    """Whether a cookie is not enough: for every change, and for every websocket."""
    if connection.scope["type"] == "websocket":
        return True
    return connection.scope.get("method", "GET") not in SAFE_METHODS
