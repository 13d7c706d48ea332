"""How limits are kept: `BACKOFFICE_RATELIMIT__...`."""

import logging
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, field_validator
from pydantic_settings import NoDecode

from backoffice.core import SetupError, singleton
from backoffice.core.settings import PackageSettings, Seconds, Unit, configuration, load
from backoffice.ratelimit.limits import parse

log = logging.getLogger(__name__)


def _limit(written: str) -> str:
    try:
        parse(written)
    except SetupError:
        raise ValueError(
            'is not a limit that can be kept; write it as "20/minute", "5/10 seconds", '
            '"20/minute;burst=5", "20/minute;strict" or "1000/day;calendar"'
        ) from None
    return written


#: A limit in a settings class, checked when the settings are read.
WrittenLimit = Annotated[str, AfterValidator(_limit), Unit("a limit, as 20/minute")]


class RateLimitSettings(PackageSettings):
    """From `BACKOFFICE_RATELIMIT__TRUSTED_PROXIES` and its sisters."""

    model_config = configuration("BACKOFFICE_RATELIMIT__")

    trusted_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...], NoDecode, Unit("networks, separated by commas")
    ] = ()
    """Networks of proxies whose `X-Forwarded-For` is believed, as `10.0.0.0/8, 2001:db8::/32`."""

    headers: Literal["draft-11", "draft-7", "off"] = "draft-11"
    """In which version of the IETF's draft answers carry `RateLimit` and `RateLimit-Policy`."""

    legacy_headers: bool = False
    """Whether answers carry `X-RateLimit-Limit`, `-Remaining` and `-Reset` (in seconds) besides."""

    redis_timeout: Seconds = Field(default=0.05, gt=0, le=10)
    """How long one check may take in Redis, from its arrival; no check is sent twice."""

    workers: Annotated[int | None, Unit("processes")] = Field(default=None, ge=1, le=10_000)
    """Processes that serve the app: while Redis is away, each lets its part of a limit through.
    Left out, that is what the server was told, as by `WEB_CONCURRENCY`."""

    memory_size: Annotated[int, Unit("counters")] = Field(default=100_000, ge=1000)
    """Counters that a process without Redis keeps, about 550 bytes each; where more are needed,
    those that are long unused and little spent are forgotten."""

    namespace: Annotated[str, Unit("1 to 24 of A-Z a-z 0-9 _ . -")] = Field(
        default="backoffice", pattern=r"^[A-Za-z0-9_.-]{1,24}$"
    )
    """Begins each key in Redis; apps that share a database of Redis need one each."""

    _forwarding_told: bool = PrivateAttr(default=False)

    @property
    def forwarding_told(self) -> bool:
        """Whether this run has said that a header comes which nobody is trusted to have written."""
        return self._forwarding_told

    def tell_forwarding(self, peer: str) -> None:
        """Say so, once."""
        self._forwarding_told = True
        log.warning(
            "limits: %s sends X-Forwarded-For, and BACKOFFICE_RATELIMIT__TRUSTED_PROXIES names no "
            "proxy: if it is one, all its clients are counted as one",
            peer,
        )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return [ip_network(each.strip()) for each in value.split(",") if each.strip()]
        except ValueError:
            raise ValueError(
                "is not a list of networks; write it as 10.0.0.0/8, 2001:db8::/32, with no bits "
                "set behind the length"
            ) from None


@singleton
def ratelimit_settings() -> RateLimitSettings:
    """The settings of this run's limits."""
    return load(RateLimitSettings)
