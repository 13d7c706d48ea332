"""Guesses at passwords and API keys: counted wherever one is asked for, by network and by account.

A try is counted before the password is looked at, and given back where it was right, so that a
hundred guesses at once are a hundred. What a stranger guesses never keeps the owner out: whoever
comes from a network from which the account was signed in before is not held to the count of
strangers, and a password that is reset by mail ends it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from ipaddress import ip_address, ip_network
from itertools import takewhile
from typing import NoReturn

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from starlette.requests import HTTPConnection

from backoffice.auth.models import UserSession
from backoffice.auth.sessions import Client
from backoffice.auth.settings import AuthSettings
from backoffice.auth.turned_away import TurnedAway
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, Unavailable
from backoffice.ratelimit import Limiter, limits
from backoffice.ratelimit.holdings import Holding
from backoffice.ratelimit.judgements import Check, Judgement
from backoffice.ratelimit.refusals import refusal

BY_NETWORK, BY_BOTH, BY_ACCOUNT = "auth.sign-in", "auth.guess-here", "auth.guess-account"
BY_KEY = "auth.guess-key"
#: How long a network is known after a sign-in from it.
KNOWN = timedelta(days=90)


class Guesses:
    """Counts tries at passwords, and refuses those that are too many."""

    def __init__(
        self,
        limiter: Limiter,
        database: Database,
        clock: Clock,
        settings: AuthSettings,
        records: UserRecords,
        turned_away: TurnedAway,
    ) -> None:
        self._turned_away = turned_away
        self._records = records
        self._limiter = limiter
        self._database = database
        self._clock = clock
        self._by_network = limits(settings.sign_in_limit)
        self._by_both = limits(settings.account_limit)
        self._by_account = limits(settings.account_limit_of_strangers)
        self._by_key = limits(settings.guess_limit)

    @asynccontextmanager
    async def counted(self, email: str, client: Client) -> AsyncIterator[None]:
        """Count what happens within as a try at the password of that address, whatever its case.

        TooManyRequests where there were too many. What is raised within says that it was wrong,
        whatever it is, unless it could not be found out: Unavailable.
        """
        held = await self._permitted(email.lower(), client)
        async with self._ended(held):
            yield

    @asynccontextmanager
    async def of_key(self, prefix: str, connection: HTTPConnection) -> AsyncIterator[None]:
        """Count what happens within as a try at the API key that begins so, as `counted` does.

        By the client's network as well: nobody elsewhere uses up the tries of a key's owner.
        """
        client = Client.of(connection)
        check = Check(BY_KEY, f"{client.network} {prefix}", self._by_key)
        judged = await self._limiter.judge([check])
        if not judged.decisions[0].allowed:
            await self._refuse([check], judged, client)
        async with self._ended([self._limiter.hold(judged, 0, on_failures=True)]):
            yield

    async def forgive(self, email: str) -> None:
        """Count anew what strangers try at that account: its owner has proved the address."""
        # The password is set by now. Where nothing answers, the count ends by itself.
        with suppress(Unavailable):
            await self._limiter.reset(BY_ACCOUNT, email.lower(), self._by_account)

    async def _permitted(self, email: str, client: Client) -> list[Holding]:
        checks = self._checks(email, client)
        judged = await self._limiter.judge(checks)
        # Asked only where it decides: nobody else costs a look at the database.
        if self._refused_as_a_stranger(judged) and await self._knows(email, client):
            judged = await self._limiter.judge(checks[:2])
        if not all(each.allowed for each in judged.decisions):
            await self._refuse(checks, judged, client, email)
        tries = range(1, len(judged.decisions))
        return [self._limiter.hold(judged, each, on_failures=True) for each in tries]

    async def _refuse(
        self, checks: Sequence[Check], judged: Judgement, client: Client, email: str = ""
    ) -> NoReturn:
        pairs = zip(checks, judged.decisions, strict=False)
        first = next(check for check, each in pairs if not each.allowed)
        await self._turned_away.by_limit(first.name, first.key, client, email=email)
        raise refusal(judged.decisions, self._limiter.fields(judged.decisions))

    @asynccontextmanager
    async def _ended(self, held: list[Holding]) -> AsyncIterator[None]:
        wrong = True
        try:
            yield
            wrong = False
        except Unavailable:
            wrong = False
            raise
        finally:
            await self._limiter.end(held, failed=wrong)

    def _checks(self, email: str, client: Client) -> Sequence[Check]:
        return [
            Check(BY_NETWORK, client.network, self._by_network),
            Check(BY_BOTH, f"{client.network} {email}", self._by_both),
            Check(BY_ACCOUNT, email, self._by_account),
        ]

    def _refused_as_a_stranger(self, judged: Judgement) -> bool:
        return [each.name for each in judged.decisions if not each.allowed] == [BY_ACCOUNT]

    async def _knows(self, email: str, client: Client) -> bool:
        """Whether the account was signed in from this network before."""
        near = _near(client.network)
        if near is None:
            return False
        user, since = self._records.user, self._clock.now() - KNOWN
        statement = (
            select(UserSession.address)
            .distinct()
            .join(user, col(user.id) == col(UserSession.user_id))
            .where(self._records.has_email(email), col(UserSession.created_at) > since)
            # Narrowed down there: of an account that was signed in from many places, no more is
            # looked through than of one that does not exist, so that the time tells nothing.
            .where(near)
        )
        found = await self._database.read(statement)
        return any(_within(row[0], client.network) for row in found)


def _near(network: str) -> ColumnElement[bool] | None:
    """What holds of every address of the network, as it is written, and of few others."""
    try:
        found = ip_network(network)
    except ValueError:  # a Unix socket has none
        return None
    if found.num_addresses == 1:
        return col(UserSession.address) == str(found.network_address)
    # Up to the first group of zeros, of which an address may leave out more, or fewer.
    groups = takewhile(lambda each: each.strip("0"), str(found.network_address).split(":"))
    return col(UserSession.address).startswith(":".join(groups))


def _within(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network)
    except ValueError:
        return False
