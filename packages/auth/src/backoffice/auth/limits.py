"""How often one address may try to sign in, create accounts, and guess tokens."""

from collections.abc import Sequence

from backoffice.auth.sessions import Client
from backoffice.auth.settings import AuthSettings
from backoffice.ratelimit import Limit, Limiter, limits

_GUESS = "auth.guess"


class Limits:
    """The limits of signing in and registering; TooManyRequests when one is spent."""

    def __init__(self, limiter: Limiter, settings: AuthSettings) -> None:
        self._limiter = limiter
        self._sign_in = limits(settings.sign_in_limit)
        self._register = limits(settings.register_limit)
        self._guess = limits(settings.guess_limit)

    async def sign_in(self, client: Client) -> None:
        """Count a try at a password, of whatever kind, by the client's network."""
        await self._spend("auth.sign-in", self._sign_in, client)

    async def register(self, client: Client) -> None:
        """Count an account created."""
        await self._spend("auth.register", self._register, client)

    async def may_guess(self, client: Client) -> None:
        """Refuse who has presented too many tokens that were not good; counts nothing."""
        await self._limiter.enforce(_GUESS, client.network, self._guess, cost=0)

    async def guessed(self, client: Client) -> None:
        """Count a token that was not good."""
        await self._limiter.check(_GUESS, client.network, self._guess)

    async def _spend(self, name: str, wanted: Sequence[Limit], client: Client) -> None:
        await self._limiter.enforce(name, client.network, wanted)
