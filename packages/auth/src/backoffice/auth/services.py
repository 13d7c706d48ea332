"""What the running app knows of accounts, in one bundle: one look-up for a whole package."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property

from backoffice.auth.administrators import Administrators
from backoffice.auth.api_keys import ApiKeys
from backoffice.auth.audit import AuditLog
from backoffice.auth.catalogue import Catalogue
from backoffice.auth.cookies import SessionCookie
from backoffice.auth.csrf import Csrf
from backoffice.auth.directory import Directory
from backoffice.auth.effective import Effective
from backoffice.auth.fields import FieldRules
from backoffice.auth.grants import Grants
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
from backoffice.auth.policies import Policies
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
from backoffice.auth.turned_away import TurnedAway
from backoffice.auth.user_files.exports import Exports
from backoffice.auth.user_files.imports import Imports
from backoffice.auth.user_manager import UserManager
from backoffice.auth.user_records import UserRecords
from backoffice.auth.users import Users
from backoffice.auth.websockets import WebSockets
from backoffice.core import Clock, Database, Events, Settings, Unavailable
from backoffice.core.mail import Outbox
from backoffice.ratelimit import Limiter

log: logging.Logger = logging.getLogger(__name__)

#: Permissions that one line of the log names at most.
_WARNED_OF = 20


@dataclass(frozen=True, eq=False)
class Services:
    """The services of accounts in one run of an app: those that were opened, and what they make."""

    core: Settings = field(repr=False)
    settings: AuthSettings
    database: Database
    events: Events
    clock: Clock
    limiter: Limiter
    outbox: Outbox
    manager: type[UserManager]
    #: Which table the users are in.
    records: UserRecords
    passwords: Passwords
    ring: KeyRing
    revocations: Revocations
    last_uses: LastUses
    #: The permissions that the app knows.
    catalogue: Catalogue = field(default_factory=Catalogue)
    #: Which objects somebody may act on, and which of their fields they may read and write.
    policies: Policies = field(default_factory=Policies)
    fields: FieldRules = field(default_factory=FieldRules)

    @cached_property
    def audit(self) -> AuditLog:
        """The log of what happened to accounts."""
        return AuditLog(self.database, self.events, self.clock, self.core.secrets())

    @cached_property
    def tokens(self) -> AccessTokens:
        """Access tokens, by the keys of the ring."""
        return AccessTokens(
            self.ring,
            self.clock,
            issuer=self.settings.issuer,
            audience=self.settings.audience,
            lifetime=self.settings.access_lifetime,
            read_id=self.records.read_id,
        )

    @cached_property
    def sessions(self) -> Sessions:
        """Sessions of browsers and of clients with tokens."""
        return Sessions(
            self.database,
            self.events,
            self.clock,
            self.settings,
            self.tokens,
            self.revocations,
            self.core.secrets(),
            self.records,
        )

    @cached_property
    def administrators(self) -> Administrators:
        """Those who may run the back office."""
        return Administrators(self.database, self.clock, self.revocations, self.records)

    @cached_property
    def roles(self) -> Roles:
        """Roles, and who holds them."""
        return Roles(
            self.database,
            self.events,
            self.clock,
            self.revocations,
            self.records,
            self.administrators,
            self.catalogue,
        )

    @cached_property
    def grants(self) -> Grants:
        """Permissions that users hold by no role."""
        return Grants(
            self.database,
            self.events,
            self.clock,
            self.revocations,
            self.records,
            self.administrators,
            self.catalogue,
        )

    @cached_property
    def effective(self) -> Effective:
        """What users may do, all together."""
        return Effective(self.database, self.clock, self.records, self.catalogue)

    @cached_property
    def keys(self) -> ApiKeys:
        """API keys."""
        return ApiKeys(
            self.database,
            self.events,
            self.clock,
            self.revocations,
            self.settings,
            self.records,
        )

    @cached_property
    def links(self) -> Links:
        """Links that prove an address."""
        return Links(self.settings, self.clock)

    @cached_property
    def letters(self) -> Letters:
        """What is sent to people by mail."""
        return Letters(self.outbox, self.links, self.settings, self.clock)

    @cached_property
    def requests(self) -> LinkRequests:
        """Links that strangers ask for."""
        return LinkRequests(
            self.database,
            self.events,
            self.clock,
            self.outbox,
            self.links,
            self.letters,
            self.records,
        )

    @cached_property
    def turned_away(self) -> TurnedAway:
        """Who was refused, for the audit log."""
        return TurnedAway(self.database, self.events, self.clock, self.records)

    @cached_property
    def guesses(self) -> Guesses:
        """How often a password may be tried."""
        return Guesses(
            self.limiter,
            self.database,
            self.clock,
            self.settings,
            self.records,
            self.turned_away,
        )

    @cached_property
    def users(self) -> Users:
        """The accounts."""
        return Users(
            self.database,
            self.events,
            self.clock,
            self.passwords,
            self.sessions,
            self.roles,
            self.administrators,
            self.revocations,
            self.requests,
            self.letters,
            self.links,
            self.guesses,
            self.manager,
            self.records,
        )

    @cached_property
    def imports(self) -> Imports:
        """Files of accounts, read into the app."""
        return Imports(
            self.database,
            self.events,
            self.clock,
            self.revocations,
            self.users,
            self.roles,
            self.passwords,
        )

    @cached_property
    def exports(self) -> Exports:
        """Every account, as a file."""
        return Exports(self.database, self.events, self.users)

    @cached_property
    def directory(self) -> Directory:
        """The accounts, by page."""
        return Directory(self.database, self.clock, self.records)

    @cached_property
    def sign_in(self) -> SignIn:
        """Signing in by password."""
        return SignIn(
            self.database, self.events, self.users, self.sessions, self.revocations, self.guesses
        )

    @cached_property
    def recovery(self) -> Recovery:
        """What is done by a link of a letter."""
        return Recovery(
            self.database,
            self.events,
            self.users,
            self.links,
            self.guesses,
            self.letters,
            self.requests,
            self.revocations,
            self.keys,
        )

    @cached_property
    def limits(self) -> Limits:
        """How often one address may do what strangers may."""
        return Limits(self.limiter, self.settings, self.turned_away)

    @cached_property
    def cookie(self) -> SessionCookie:
        """The cookie of browsers."""
        return SessionCookie(self.settings)

    @cached_property
    def tickets(self) -> Tickets:
        """Tickets that open websockets."""
        return Tickets(self.database, self.clock, self.settings.ticket_lifetime)

    @cached_property
    def principals(self) -> Principals:
        """Whom good credentials stand for."""
        return Principals(self.database, self.clock, self.records)

    @cached_property
    def standing(self) -> Standing:
        """How sessions and keys stand now."""
        return Standing(self.principals, self.sessions, self.keys)

    @cached_property
    def resolver(self) -> Resolver:
        """Who is calling."""
        return Resolver(
            self.clock,
            self.tokens,
            self.sessions,
            self.keys,
            self.cookie,
            self.principals,
            self.revocations,
            self.last_uses,
            KeyTerms(self.limiter),
            self.tickets,
            self.standing,
            self.guesses,
            realm=self.settings.realm,
            remembered=self.settings.remembered,
            same_principal=self.settings.two_credentials,
            trusted_origins=self.settings.trusted_origins,
        )

    @cached_property
    def websockets(self) -> WebSockets:
        """The websockets that were let in."""
        return WebSockets(
            self.clock,
            self.tokens,
            self.revocations,
            self.standing,
            self.settings.websocket_lifetime,
        )

    @cached_property
    def csrf(self) -> Csrf:
        """Tokens of forms."""
        return Csrf(self.resolver, self.core.secrets())

    @cached_property
    def introspection(self) -> Introspection:
        """What a token is."""
        return Introspection(
            self.database,
            self.settings,
            self.tokens,
            self.sessions,
            self.keys,
            self.resolver,
            self.revocations,
        )

    def make(self) -> None:
        """Make every one now: what cannot be made keeps the app from starting."""
        for name, each in vars(Services).items():
            if isinstance(each, cached_property):
                getattr(self, name)


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
    records: UserRecords,
    catalogue: Catalogue,
    policies: Policies,
    fields: FieldRules,
) -> AsyncIterator[Services]:
    """The services on this database; their threads and tasks end with the run."""
    await records.check(database)
    revocations = Revocations(database, clock, settings.revocation_lag.total_seconds())
    last_uses = LastUses(database)
    async with (
        opened_passwords(settings, database, events) as passwords,
        opened_ring(core, settings) as ring,
        revocations.listening(),
        last_uses.writing(),
    ):
        services = Services(
            core=core,
            settings=settings,
            database=database,
            events=events,
            clock=clock,
            limiter=limiter,
            outbox=outbox,
            manager=manager,
            records=records,
            passwords=passwords,
            ring=ring,
            revocations=revocations,
            last_uses=last_uses,
            catalogue=catalogue,
            policies=policies,
            fields=fields,
        )
        services.make()
        await _warn_of_unknown(services.effective)
        async with services.websockets.watching(), services.requests.answering():
            yield services


async def _warn_of_unknown(effective: Effective) -> None:
    """Say which permissions nobody asks for any more; those who hold them may go on."""
    try:
        unknown = await effective.unknown(_WARNED_OF)
    except Unavailable:
        return
    if unknown:
        log.warning("roles or grants have permissions that the app knows no more: %s", unknown)
