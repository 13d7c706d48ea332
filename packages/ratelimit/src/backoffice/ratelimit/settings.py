"""How limits are kept: `BACKOFFICE_RATELIMIT__...`."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from backoffice.core import singleton
from backoffice.core.settings import configuration, load


class RateLimitSettings(BaseSettings):
    """From `BACKOFFICE_RATELIMIT__TRUSTED_PROXIES` and its sisters."""

    model_config = configuration("BACKOFFICE_RATELIMIT__")

    #: Networks of the proxies whose X-Forwarded-For is believed, as `10.0.0.0/8, 2001:db8::/32`.
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    #: Whether answers carry the fields RateLimit and RateLimit-Policy.
    headers: bool = True
    #: How long one check may take in Redis, waiting for a free connection included; seconds.
    redis_timeout: float = Field(default=0.5, gt=0, le=10)
    #: Connections to Redis by each process.
    redis_connections: int = Field(default=16, ge=1, le=1000)
    #: Counters that a process without Redis keeps, about 300 bytes each.
    memory_size: int = Field(default=100_000, ge=1000)
    #: Begins each key; apps that share a Redis database need one each.
    namespace: str = Field(default="backoffice", pattern=r"^[A-Za-z0-9_.-]{1,24}$")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return [each.strip() for each in value.split(",") if each.strip()]
        return value


@singleton
def ratelimit_settings() -> RateLimitSettings:
    """The settings of this run's limits."""
    return load(RateLimitSettings)
