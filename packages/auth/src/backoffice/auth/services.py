"""What the running app knows of accounts, in one bundle: one look-up for a whole package."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from backoffice.auth.api_keys import ApiKeys
from backoffice.auth.audit import AuditLog
from backoffice.auth.cookies import SessionCookie
from backoffice.auth.csrf import Csrf
from backoffice.auth.guesses import Guesses
from backoffice.auth.introspection import Introspection
from backoffice.auth.key_ring import KeyRing
from backoffice.auth.key_terms import KeyTerms
from backoffice.auth.key_watch import opened_ring
from backoffice.auth.last_uses import LastUses
from backoffice.auth.letters import Letters
from backoffice.auth.limits import Limits
from backoffice.auth.link_requests import LinkRequests
from backoffice.auth.links import Links
from backoffice.auth.passwords import Passwords, opened_passwords
from backoffice.auth.principals import Principals
from backoffice.auth.recovery import Recovery
from backoffice.auth.resolution import Resolver
from backoffice.auth.revocations import Revocations
from backoffice.auth.roles import Roles
from backoffice.auth.sessions import Sessions
from backoffice.auth.settings import AuthSettings
from backoffice.auth.sign_in import SignIn
from backoffice.auth.standing import Standing
from backoffice.auth.tickets import Tickets
from backoffice.auth.tokens import AccessTokens
from backoffice.auth.users import UserManager, Users
from backoffice.auth.websockets import WebSockets
from backoffice.core import Clock, Database, Events, Settings
from backoffice.core.mail import Outbox
from backoffice.ratelimit import Limiter


@dataclass(frozen=True, eq=False)
class Services:
    """The services of accounts in one run of an app."""

    settings: AuthSettings
    database: Database
    events: Events
    clock: Clock
    audit: AuditLog
    ring: KeyRing
    passwords: Passwords
    users: Users
    roles: Roles
    sessions: Sessions
    keys: ApiKeys
    sign_in: SignIn
    recovery: Recovery
    requests: LinkRequests
    resolver: Resolver
    revocations: Revocations
    last_uses: LastUses
    cookie: SessionCookie
    limits: Limits
    tickets: Tickets
    websockets: WebSockets
    csrf: Csrf
    introspection: Introspection


@asynccontextmanager
async def opened(
    core: Settings,
    settings: AuthSettings,
    database: Database,
    events: Events,
    clock: Clock,
    limiter: Limiter,
    outbox: Outbox,
    manager: type[UserManager],
) -> AsyncIterator[Services]:
    """The services on this database; their threads end with the run."""
    revocations = Revocations(database, clock, settings.revocation_lag.total_seconds())
    last_uses = LastUses(database)
    async with (
        opened_passwords(settings, database, events) as passwords,
        opened_ring(core, settings) as ring,
        revocations.listening(),
        last_uses.writing(),
    ):
        tokens = _access_tokens(ring, settings, clock)
        sessions = Sessions(database, events, clock, settings, tokens, revocations, core.secrets())
        roles = Roles(database, events, revocations)
        links = Links(settings, clock)
        letters = Letters(outbox, links, settings, clock)
        requests = LinkRequests(database, events, clock, outbox, links, letters)
        guesses = Guesses(limiter, database, clock, settings)
        users = Users(
            database,
            events,
            clock,
            passwords,
            sessions,
            roles,
            revocations,
            requests,
            letters,
            links,
            guesses,
            manager,
        )
        keys = ApiKeys(database, events, clock, revocations, settings)
        cookie = SessionCookie(settings)
        principals = Principals(database, clock)
        standing = Standing(principals, sessions, keys)
        tickets = Tickets(database, clock, settings.ticket_lifetime)
        resolver = Resolver(
            clock,
            tokens,
            sessions,
            keys,
            cookie,
            principals,
            revocations,
            last_uses,
            KeyTerms(limiter),
            tickets,
            standing,
            realm=settings.realm,
            remembered=settings.remembered,
            same_principal=settings.two_credentials,
            trusted_origins=settings.trusted_origins,
        )
        websockets = WebSockets(clock, tokens, revocations, standing, settings.websocket_lifetime)
        async with websockets.watching(), requests.answering():
            yield Services(
                settings=settings,
                database=database,
                events=events,
                clock=clock,
                audit=AuditLog(database, events, clock, core.secrets()),
                ring=ring,
                passwords=passwords,
                users=users,
                roles=roles,
                sessions=sessions,
                keys=keys,
                sign_in=SignIn(database, events, users, sessions, revocations, guesses),
                recovery=Recovery(
                    database, events, users, links, guesses, letters, requests, revocations
                ),
                requests=requests,
                resolver=resolver,
                revocations=revocations,
                last_uses=last_uses,
                cookie=cookie,
                limits=Limits(limiter, settings),
                tickets=tickets,
                websockets=websockets,
                csrf=Csrf(resolver, core.secrets()),
                introspection=Introspection(
                    database, settings, tokens, sessions, keys, resolver, revocations
                ),
            )


def _access_tokens(ring: KeyRing, settings: AuthSettings, clock: Clock) -> AccessTokens:
    return AccessTokens(
        ring,
        clock,
        issuer=settings.issuer,
        audience=settings.audience,
        lifetime=settings.access_lifetime,
    )
