"""How often one address may create accounts, ask for links, and guess tokens."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

from backoffice.auth.guesses import BY_ACCOUNT, BY_BOTH, BY_KEY, BY_NETWORK
from backoffice.auth.key_terms import COUNTED_AS
from backoffice.auth.links import InvalidLink
from backoffice.auth.sessions import Client
from backoffice.auth.settings import AuthSettings
from backoffice.auth.turned_away import TurnedAway
from backoffice.core import TooManyRequests
from backoffice.ratelimit import Limit, Limiter, limits
from backoffice.ratelimit.policies import BY_ADDRESS, By, Policy

_REGISTER, _GUESS = "auth.register", "auth.guess"
_RECOVER, _RECOVER_ACCOUNT = "auth.recover", "auth.recover-account"
_BY = "address"
_BY_KEY: Mapping[By, str] = MappingProxyType({"key": "{}"})


class Limits:
    """The limits of registering, guessing and recovering; TooManyRequests when one is spent."""

    def __init__(self, limiter: Limiter, settings: AuthSettings, turned_away: TurnedAway) -> None:
        self._limiter = limiter
        self._turned_away = turned_away
        self._register = limits(settings.register_limit)
        self._guess = limits(settings.guess_limit)
        self._recover = limits(settings.recovery_limit)
        self._recover_account = limits(settings.recovery_limit_per_account)

    async def register(self, client: Client) -> None:
        """Count an account created."""
        await self._spend(_REGISTER, client.network, self._register, client)

    async def recover(self, client: Client, email: str) -> None:
        """Count a link asked for, by the client's network and by the address that it is for."""
        await self._spend(_RECOVER, client.network, self._recover, client)
        await self._spend(_RECOVER_ACCOUNT, email, self._recover_account, client, email=email)

    async def may_guess(self, client: Client) -> None:
        """Refuse who has presented too many tokens that were not good; counts nothing."""
        await self._spend(_GUESS, client.network, self._guess, client, cost=0)

    async def guessed(self, client: Client) -> None:
        """Count a token that was not good."""
        await self._limiter.check(_GUESS, client.network, self._guess)

    @asynccontextmanager
    async def links_counted(self, client: Client) -> AsyncIterator[None]:
        """Count an InvalidLink, raised within, as a guess; TooManyRequests in its place where
        there were too many."""
        try:
            yield
        except InvalidLink:
            await self.may_guess(client)
            await self.guessed(client)
            await self._turned_away.with_link(client)
            raise

    async def _spend(
        self,
        name: str,
        key: str,
        wanted: Sequence[Limit],
        client: Client,
        *,
        cost: int = 1,
        email: str = "",
    ) -> None:
        try:
            await self._limiter.enforce(name, key, wanted, cost)
        except TooManyRequests:
            await self._turned_away.by_limit(name, key, client, email=email)
            raise


def policies(settings: AuthSettings) -> list[Policy]:
    """What is limited here, for `backoffice limits`."""
    by_address = {
        BY_NETWORK: settings.sign_in_limit,
        _REGISTER: settings.register_limit,
        _GUESS: settings.guess_limit,
        _RECOVER: settings.recovery_limit,
    }
    return [
        Policy(name=COUNTED_AS, limits=(), counted="API key, by its own limit", keys={"key": "{}"}),
        *(
            Policy(name=name, limits=tuple(map(str, limits(written))), counted=by, keys=_BY_KEY)
            for name, by, written in (
                (_RECOVER_ACCOUNT, "mail address", settings.recovery_limit_per_account),
                (BY_ACCOUNT, "mail address", settings.account_limit_of_strangers),
                (BY_BOTH, "client's network and mail address", settings.account_limit),
                (BY_KEY, "client's network and API key", settings.guess_limit),
            )
        ),
        *(
            Policy(name=name, limits=tuple(map(str, limits(written))), counted=_BY, keys=BY_ADDRESS)
            for name, written in by_address.items()
        ),
    ]
