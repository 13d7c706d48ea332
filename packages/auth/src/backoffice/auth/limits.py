"""How often one address may try to sign in, and create accounts."""

from collections.abc import Sequence

from backoffice.auth.sessions import Client
from backoffice.auth.settings import AuthSettings
from backoffice.ratelimit import Limit, Limiter, limits


class Limits:
    """The limits of signing in and registering; TooManyRequests when one is spent."""

    def __init__(self, limiter: Limiter, settings: AuthSettings) -> None:
        self._limiter = limiter
        self._sign_in = limits(settings.sign_in_limit)
        self._register = limits(settings.register_limit)

    async def sign_in(self, client: Client) -> None:
        """Count a try at a password, of whatever kind, by the client's network."""
        await self._spend("auth.sign-in", self._sign_in, client)

    async def register(self, client: Client) -> None:
        """Count an account created."""
        await self._spend("auth.register", self._register, client)

    async def _spend(self, name: str, wanted: Sequence[Limit], client: Client) -> None:
        await self._limiter.enforce(name, client.network, wanted)
