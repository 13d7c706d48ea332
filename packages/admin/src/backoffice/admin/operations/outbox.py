"""Mail as the pages show it: what became of each message, never what it says.

Codes and links stand in a message. What can be looked at is its template, filled with a sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from backoffice.admin.operations.menu import OUTBOX, PATH
from backoffice.admin.presentation import url_of
from backoffice.core import NotFound
from backoffice.core.mail import Message, OutgoingMail, mail_settings, mail_templates
from backoffice.core.mail.contexts import SAMPLES
from backoffice.core.mail.models import DEAD, SENDING, SENT, WAITING
from backoffice.core.mail.templates import sample
from backoffice.core.singletons import running

PAGE = 50
#: As the address names them, in the order in which they are asked for most.
STATES: Mapping[str, str] = {
    DEAD: "Given up",
    WAITING: "Waiting",
    SENDING: "Being sent",
    SENT: "Sent",
}
_READER = "ann@example.org"


@dataclass(frozen=True)
class ShownMail:
    """A message in one line."""

    id: str
    url: str
    template: str
    recipient: str
    state: str
    failed: bool
    attempts: int
    error: str
    created_at: datetime
    due_at: datetime | None
    settled_at: datetime | None
    expires_at: datetime | None
    may_retry: bool


@dataclass(frozen=True)
class Tab:
    """A state that the list can be narrowed to, and how many there are of it."""

    label: str
    count: int
    url: str
    is_current: bool


def shown_mail(request: Request, mail: OutgoingMail, now: datetime) -> ShownMail:
    """A message; it can be tried again while what it tells is still good."""
    open_ = mail.state in (DEAD, WAITING)
    good = mail.expires_at is None or mail.expires_at > now
    return ShownMail(
        id=mail.id,
        url=outbox_url(request, "detail", id=mail.id),
        template=mail.template or "Of the app's own",
        recipient=mail.recipient,
        state=STATES.get(mail.state, mail.state),
        failed=mail.state == DEAD or bool(mail.error),
        attempts=mail.attempts,
        error=mail.error,
        created_at=mail.created_at,
        due_at=mail.due_at if mail.state == WAITING else None,
        settled_at=mail.settled_at,
        expires_at=mail.expires_at,
        may_retry=open_ and good,
    )


def tabs(request: Request, counts: Mapping[str, int], state: str | None, to: str) -> list[Tab]:
    """One for all, and one for each state."""
    every = Tab("All", sum(counts.values()), outbox_url(request, to=to or None), state is None)
    return [
        every,
        *(
            Tab(
                label,
                counts.get(name, 0),
                outbox_url(request, state=name, to=to or None),
                name == state,
            )
            for name, label in STATES.items()
        ),
    ]


def previews(request: Request) -> list[tuple[str, str]]:
    """The templates that there is a sample of, and where they are shown."""
    return [(each.name, outbox_url(request, "preview", name=each.name)) for each in SAMPLES]


async def preview(request: Request, name: str) -> Message:
    """What a mail of that template looks like; NotFound."""
    try:
        filled = sample(name)
    except NotFound:
        raise NotFound("There is no such template.") from None
    templates = await running(request).open(mail_templates)
    return templates.message(filled, to=_READER)


async def goes_to(request: Request) -> str:
    """Where mail goes, in words; empty where nothing is set."""
    destination = (await running(request).open(mail_settings)).destination()
    return "" if destination is None else str(destination)


def sampled() -> Sequence[str]:
    """The names of the templates that there is a sample of."""
    return [each.name for each in SAMPLES]


def outbox_url(request: Request, page: str = "", **query: str | None) -> str:
    """A page of the outbox."""
    return url_of(request, PATH, f"{OUTBOX.name}/{page}" if page else OUTBOX.name, **query)
