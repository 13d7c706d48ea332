"""What all packages of Backoffice stand on: app scope, settings, the database, errors, events."""

from backoffice.core.callers import Callers, callers
from backoffice.core.checks import Finding
from backoffice.core.clock import Clock, clock
from backoffice.core.database import Database, database, session, sync_session
from backoffice.core.dependencies import reads
from backoffice.core.errors import (
    BackofficeError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Refusal,
    SetupError,
    SingletonError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from backoffice.core.events import Event, Events, Listeners, events
from backoffice.core.health import health_router
from backoffice.core.logs import configure_logging
from backoffice.core.mail import Mailer, MailUnavailable, Message, mailbox, mailer
from backoffice.core.problems import problem_details
from backoffice.core.redaction import Redacted
from backoffice.core.request_ids import RequestId, request_id
from backoffice.core.routes import BackofficeRoute
from backoffice.core.settings import Settings, settings
from backoffice.core.singletons import Run, Singleton, serve, singleton, singletons

__all__ = [
    "BackofficeError",
    "BackofficeRoute",
    "Callers",
    "Clock",
    "Conflict",
    "Database",
    "Event",
    "Events",
    "Finding",
    "Forbidden",
    "InvalidInput",
    "Listeners",
    "MailUnavailable",
    "Mailer",
    "Message",
    "NotFound",
    "Redacted",
    "Refusal",
    "RequestId",
    "Run",
    "Settings",
    "SetupError",
    "Singleton",
    "SingletonError",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "callers",
    "clock",
    "configure_logging",
    "database",
    "events",
    "health_router",
    "mailbox",
    "mailer",
    "problem_details",
    "reads",
    "request_id",
    "serve",
    "session",
    "settings",
    "singleton",
    "singletons",
    "sync_session",
]
