"""The outbox: what waits, what failed, and having it tried again."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.admin import notices
from backoffice.admin.events import MailRetried
from backoffice.admin.operations import outbox as shown
from backoffice.admin.operations.menu import OUTBOX, OUTBOX_CHANGE, check
from backoffice.admin.operations.outbox import PAGE, STATES, outbox_url
from backoffice.admin.site import Site
from backoffice.admin.values import moment
from backoffice.admin.visits import sent_form, visit_of
from backoffice.core import InvalidInput, NotFound
from backoffice.core.mail.messages import is_id
from backoffice.core.mail.models import DEAD

_SEE = "see the outbox"
_LONGEST = 200


async def messages(site: Site, request: Request) -> Response:
    """The newest messages, of one state or all, to one address or any."""
    check(request, OUTBOX.permission, _SEE)
    visit = visit_of(request)
    state, to, after = _asked(request)
    box = visit.services.outbox
    found = await box.list(state, to=to, after=after, limit=PAGE + 1)
    counts = await box.counts()
    last = found[PAGE - 1].id if len(found) > PAGE else None
    return site.page(
        request,
        "outbox.html",
        system=OUTBOX,
        messages=[
            shown.shown_mail(request, each, visit.services.clock.now()) for each in found[:PAGE]
        ],
        tabs=shown.tabs(request, counts, state, to),
        state=state,
        to=to,
        dead=counts.get(DEAD, 0),
        goes_to=await shown.goes_to(request),
        previews=shown.previews(request),
        older=None if last is None else outbox_url(request, state=state, to=to or None, after=last),
        newest=outbox_url(request, state=state, to=to or None) if after else None,
        may_change=_may_change(request),
        moment=moment,
    )


async def message(site: Site, request: Request) -> Response:
    """What became of one message."""
    check(request, OUTBOX.permission, _SEE)
    visit = visit_of(request)
    found = await visit.services.outbox.one(_id(request.query_params.get("id", "")))
    return site.page(
        request,
        "mail.html",
        system=OUTBOX,
        mail=shown.shown_mail(request, found, visit.services.clock.now()),
        preview_url=outbox_url(request, "preview", name=found.template)
        if found.template in shown.sampled()
        else None,
        may_change=_may_change(request),
        moment=moment,
    )


async def preview(site: Site, request: Request) -> Response:
    """A template, filled with a sample."""
    check(request, OUTBOX.permission, _SEE)
    name = request.query_params.get("name", "")
    filled = await shown.preview(request, name)
    return site.page(
        request,
        "mail_preview.html",
        system=OUTBOX,
        shown_name=name,
        filled=filled,
        previews=shown.previews(request),
    )


async def retry(_: Site, request: Request) -> Response:
    """Have one message tried again at once, or all that were given up."""
    check(request, OUTBOX_CHANGE, "have mail sent again")
    visit = visit_of(request)
    sent = str((await sent_form(request)).get("id", ""))
    id = None if sent == "all" else _id(sent)
    if id is not None:
        await visit.services.outbox.one(id)
    await _told(request, "outbox" if id is None else f"mail:{id}"[:128])
    count = await visit.services.outbox.retry(id)
    back = outbox_url(request) if id is None else outbox_url(request, "detail", id=id)
    response = RedirectResponse(back, HTTPStatus.SEE_OTHER)
    text = "It is sent again." if id is not None else f"Messages that are sent again: {count}."
    notices.leave(request, response, visit, text, "done")
    return response


async def _told(request: Request, subject: str) -> None:
    """Write it to the audit log before it is done: of what failed it says too much, never less."""
    visit = visit_of(request)
    event = MailRetried(actor=visit.principal.name, subject=subject, address=visit.client.address)
    async with visit.services.database.session() as session:
        await visit.services.events.emit(event, session)
        await session.commit()


def _asked(request: Request) -> tuple[str | None, str, str]:
    query = request.query_params
    state, to, after = query.get("state") or None, query.get("to", "").strip(), query.get("after")
    if state is not None and state not in STATES:
        raise InvalidInput("Messages are in no such state.")
    if len(to) > _LONGEST:
        raise InvalidInput("No address is that long.")
    return state, to, _id(after) if after else ""


def _id(text: str) -> str:
    if not is_id(text):
        raise NotFound("There is no such message.")
    return text


def _may_change(request: Request) -> bool:
    return visit_of(request).principal.can(OUTBOX_CHANGE)
