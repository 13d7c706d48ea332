"""Which Redis a client speaks to."""

from typing import Any
from urllib.parse import quote, urlencode

from backoffice.core import SetupError

#: What `ssl_...` of a connection means the same in an address.
_IN_QUERY = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")


def url_of(client: Any) -> str:
    """The address of a redis-py client, or a SetupError where it has none that can be written."""
    pool = getattr(client, "connection_pool", None)
    known: dict[str, Any] | None = getattr(pool, "connection_kwargs", None)
    if known is None or known.get("credential_provider") is not None or not _is_plain(pool):
        raise SetupError(
            f"FastAPILimiter.init cannot tell the address of this {type(client).__name__}; "
            "set BACKOFFICE_REDIS_URL to where limits are to be counted"
        )
    if "path" in known:
        return f"unix://{_credentials(known)}{quote(str(known['path']))}?db={known.get('db') or 0}"
    host = str(known.get("host") or "localhost")
    shown = f"[{host}]" if ":" in host else host
    start = f"{_credentials(known)}{shown}:{known.get('port') or 6379}/{known.get('db') or 0}"
    query = {name: known[name] for name in _IN_QUERY if known.get(name) is not None}
    return f"rediss://{start}?{urlencode(query)}" if _is_encrypted(pool) else f"redis://{start}"


def _is_plain(pool: Any) -> bool:
    """Sentinel's pools find their address anew each time."""
    return "Sentinel" not in type(pool).__name__


def _is_encrypted(pool: Any) -> bool:
    return "SSL" in getattr(pool.connection_class, "__name__", "")


def _credentials(known: dict[str, Any]) -> str:
    name, password = known.get("username") or "", known.get("password") or ""
    return f"{quote(name, safe='')}:{quote(password, safe='')}@" if name or password else ""
