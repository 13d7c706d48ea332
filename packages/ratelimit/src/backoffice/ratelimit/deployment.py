"""What `backoffice doctor` looks at besides counting: which proxies are believed, and the clock."""

import os
import time
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

from backoffice.core import BackofficeError, Finding, Run, settings
from backoffice.core.deployment import apart, of_clock
from backoffice.ratelimit.addresses import IPNetwork
from backoffice.ratelimit.checks import PATIENCE
from backoffice.ratelimit.settings import ratelimit_settings

PROXIES, CLOCK = "ratelimit.proxies", "ratelimit.clock"
#: Networks wider than these hold whole providers, and with them strangers.
WIDEST = {4: 8, 6: 16}
FIX = "set BACKOFFICE_RATELIMIT__TRUSTED_PROXIES to the networks of your proxies alone"


async def deployment_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether clients can say themselves where they come from, and what time it is in Redis."""
    trusted = (await run.open(ratelimit_settings)).trusted_proxies
    yield _proxies(trusted, os.environ.get("FORWARDED_ALLOW_IPS", ""))
    url = (await run.open(settings)).redis_url
    if url is not None and (found := await _clock(url.get_secret_value())):
        yield found


def _proxies(trusted: tuple[IPNetwork, ...], believed: str) -> Finding:
    """`believed` is whom uvicorn and gunicorn believe besides, and before."""
    wide = [str(each) for each in trusted if _is_wide(each)]
    if wide:
        told = f"{', '.join(wide)} are trusted as proxies: clients there say who they are"
        return Finding(PROXIES, "error", told, FIX)
    if wide := [each for each in map(str.strip, believed.split(",")) if _is_wide(_network(each))]:
        told = f"FORWARDED_ALLOW_IPS={','.join(wide)} lets the server believe clients who they are"
        return Finding(PROXIES, "error", told, "name your proxies there")
    if believed.strip() and not trusted:
        told = (
            "FORWARDED_ALLOW_IPS names proxies, and BACKOFFICE_RATELIMIT__TRUSTED_PROXIES none: "
            "behind several in a row clients can say who they are"
        )
        return Finding(PROXIES, "warning", told, FIX)
    if trusted:
        return Finding(PROXIES, "ok", f"{', '.join(map(str, trusted))} are believed")
    return Finding(PROXIES, "ok", "none is believed: a client is whoever connects")


def _is_wide(network: IPNetwork | None) -> bool:
    return network is not None and network.prefixlen < WIDEST[network.version]


def _network(written: str) -> IPNetwork | None:
    """As uvicorn reads it, where `*` is everybody; None for what is a name, such as a socket's."""
    try:
        return ip_network("0.0.0.0/0" if written == "*" else written)
    except ValueError:
        return None


async def _clock(url: str) -> Finding | None:
    """None where Redis does not tell: that it does not answer is another finding."""
    from redis.exceptions import RedisError

    from backoffice.ratelimit.overrides import DIGEST, SCRIPT
    from backoffice.ratelimit.wire import Wire

    wire = Wire(url, SCRIPT, DIGEST, timeout=PATIENCE)
    try:
        await wire.ping()  # the connection takes its time, and is none of the clock's
        asked = time.time()
        told: Any = await wire.command("TIME", key=CLOCK)
    except (BackofficeError, RedisError):
        return None
    finally:
        await wire.close()
    seconds = int(told[0]) + int(told[1]) / 1_000_000
    return of_clock(CLOCK, "Redis", apart(seconds, asked, time.time()))
