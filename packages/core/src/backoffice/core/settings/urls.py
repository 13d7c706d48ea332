"""URLs of databases and stores: checked without being repeated, shown without their secrets."""

import re
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HIDDEN = "***"
DATABASES = ("sqlite", "postgresql")
REDIS = ("redis", "rediss", "unix")

#: After the host: the number of a database, and of Sentinel first the name of the primary.
REDIS_PATHS = {"": r"/?[0-9]*", "cluster": r"/?0?", "sentinel": r"/[^/]+(?:/[0-9]*)?"}

#: Parameters that say how to connect. Any other may be a secret: `password`, `sslpassword`, ...
HARMLESS = {
    "application_name",
    "charset",
    "connect_timeout",
    "db",
    "host",
    "mode",
    "port",
    "protocol",
    "socket_timeout",
    "ssl_cert_reqs",
    "sslmode",
    "target_session_attrs",
    "timeout",
    "uri",
}

#: Of mail: they name no place, and so hold nothing that is secret.
BARE = {"console:", "memory:"}

_HOST = r"(?:[^:,/?#@\[\]]*|\[[0-9a-fA-F:.]*\])(?::[0-9]{1,5})?"
_URL = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)"
    r"(?:(?P<user>[^:/?#@]*)(?::(?P<password>[^/?#@]*))?@)?"
    rf"(?P<place>{_HOST}(?:,{_HOST})*(?:/[^?#@]*)?)"
    r"(?:\?(?P<query>[^?#@]*))?"
)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_PLAIN = re.compile(r"[\w.,:/+-]*")


def shown(url: str) -> str:
    """The URL with `***` for its password and for parameters that are not known to be harmless.

    A user without a password is hidden too: it may be a token. Where it is not certain what is
    the password, for it has one of `@ / ? #` in it that is not encoded, only the scheme is left.
    """
    if url in BARE:
        return url
    found = _URL.fullmatch(url)
    if found is None or not url.isprintable():
        scheme = _SCHEME.match(url)
        return f"{scheme[0] if scheme else ''}{HIDDEN}"
    who = ""
    if found["user"] is not None:
        who = f"{found['user']}:{HIDDEN}@" if found["password"] else f"{HIDDEN}@"
    query = "" if found["query"] is None else f"?{_query(found['query'])}"
    return f"{found['scheme']}{who}{found['place']}{query}"


def _query(query: str) -> str:
    return "&".join(_parameter(*each.partition("=")) for each in query.split("&"))


def _parameter(name: str, equals: str, value: str) -> str:
    if name in HARMLESS and _PLAIN.fullmatch(value):
        return f"{name}{equals}{value}"
    return f"{name}={HIDDEN}" if equals and name.isidentifier() else HIDDEN


def database(url: str) -> URL:
    """The URL taken apart; a ValueError, which does not repeat it, for one that is of no use."""
    try:
        found = make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        found = None
    if found is None or not _leads_somewhere(found):
        raise ValueError(
            "is not a database URL; write sqlite:///file.db or postgresql://user:password@host/name"
        )
    if found.get_backend_name() not in DATABASES:
        raise ValueError(
            "is of another database; Backoffice runs on sqlite:///... and postgresql://..."
        )
    return found


def _leads_somewhere(url: URL) -> bool:
    """Not `sqlite://file.db`, which lacks a slash, nor what no file can be called."""
    lacks_slash = url.get_backend_name() == "sqlite" and url.host is not None
    return not lacks_slash and "\0" not in (url.database or "")


def check_redis(url: str) -> None:
    """Raise a ValueError, which does not repeat the URL, unless it is the address of a Redis."""
    try:
        right = _is_redis(url)
    except ValueError:
        right = False
    if not right:
        raise ValueError(
            "is not the address of a Redis; write redis://user:password@host:6379/0, with the "
            "password percent-encoded; rediss:// for TLS, redis+cluster://host:6379,host:6379 for "
            "a Cluster, redis+sentinel://host:26379,host:26379/name-of-the-primary/0 for Sentinel"
        )


def _is_redis(url: str) -> bool:
    parts = urlsplit(url)
    scheme, plus, kind = parts.scheme.partition("+")
    if scheme not in REDIS or (plus and (scheme == "unix" or not kind)) or kind not in REDIS_PATHS:
        return False
    if scheme == "unix":
        return True
    places = [urlsplit(f"//{each}") for each in parts.netloc.rpartition("@")[2].split(",")]
    return (
        all(each.port is None or each.port > 0 for each in places)
        and (all(each.hostname for each in places) if kind else len(places) == 1)
        and re.fullmatch(REDIS_PATHS[kind], parts.path) is not None
    )
