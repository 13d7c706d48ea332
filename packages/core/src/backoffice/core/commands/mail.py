"""`backoffice mail`: what the outbox holds, and what mail looks like."""

import logging
import signal
from datetime import datetime
from typing import Annotated, Any

import anyio
import typer

from backoffice.core.clock import clock
from backoffice.core.command import Command, rehearsed
from backoffice.core.database import database
from backoffice.core.errors import NotFound, Unavailable
from backoffice.core.mail.claims import Claims
from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.mailer import mailer
from backoffice.core.mail.messages import Message
from backoffice.core.mail.models import STATES, OutgoingMail
from backoffice.core.mail.outbox import outbox, site
from backoffice.core.mail.settings import MailSettings, mail_settings
from backoffice.core.mail.templates import Templates, sample
from backoffice.core.mail.worker import MailWorker
from backoffice.core.settings import load
from backoffice.core.singletons import Run

log: logging.Logger = logging.getLogger(__name__)

mail: typer.Typer = typer.Typer(help="Mail: the outbox, and what is written.", no_args_is_help=True)


@mail.command("list")
def show(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help=f"Only {', '.join(STATES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> None:
    """List the newest messages of the outbox: what became of them, not what they say."""
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"--state takes {', '.join(STATES)}")

    async def work(run: Run) -> list[dict[str, Any]]:
        now = (await run.open(clock)).now()
        found = await (await run.open(outbox)).list(state, limit=limit)
        return [_row(each, now) for each in found]

    columns = ("id", "template", "recipient", "state", "age", "attempts", "due_at", "error")
    command = Command.of(context)
    command.give_rows(command.run(work), columns)


@mail.command("retry")
@rehearsed
def retry(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(help="The message's id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
) -> None:
    """Have a message that was given up, or that waits, tried again at once."""
    if (id is None) != every:
        raise typer.BadParameter("name one message, or write --all")

    async def work(run: Run) -> int:
        return await (await run.open(outbox)).retry(id)

    command = Command.of(context)
    count = command.run(work)
    command.give({"retried": count}, f"{count} to be sent")


@mail.command("test")
@rehearsed
def test(
    context: typer.Context, address: Annotated[str, typer.Argument(help="Where to send it.")]
) -> None:
    """Send a message at once, past the outbox, to see whether mail gets through."""
    command = Command.of(context)

    async def work(run: Run) -> str:
        name = site((await run.open(mail_settings)).sender)
        message = Message(
            to=address,
            subject=f"A test of {name}",
            text=f"{name} can send mail: this message was asked for by `backoffice mail test`.\n",
        )
        sender = await run.open(mailer)
        try:
            if not command.dry_run:
                await sender.send(message)
        except MailUnavailable as error:
            raise Unavailable(error.reason, code=error.code) from None
        return message.id

    id = command.run(work)
    command.give({"id": id, "sent": not command.dry_run}, f"{id} was handed over")


@mail.command("preview")
def preview(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Such as reset.")],
    html: Annotated[bool, typer.Option("--html", help="The HTML part, not the text.")] = False,
    language: Annotated[str | None, typer.Option(help="Such as de.")] = None,
) -> None:
    """Show a template, filled with a sample; no app and no database are needed."""
    filled = sample(name)
    settings = load(MailSettings)
    templates = Templates(settings.templates, site=site(settings.sender))
    message = templates.message(filled, to="ann@example.org", language=language)
    command = Command.of(context)
    for each in templates.files(name, language):
        command.say(f"from {each}")
    if html and message.html is None:
        raise NotFound(f"{name} has no HTML part: it is sent as text alone")
    shown = message.html if html else f"Subject: {message.subject}\n\n{message.text}"
    data = {"subject": message.subject, "text": message.text, "html": message.html}
    command.give(data, (shown or "").rstrip())


@mail.command("work")
def work(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Send what is due, and end.")] = False,
) -> None:
    """Send what the outbox holds, beside the app, until told to end (SIGTERM, Ctrl-C)."""
    command = Command.of(context)
    logging.getLogger().setLevel(logging.WARNING if command.quiet else logging.INFO)

    async def until_told(run: Run) -> dict[str, int]:
        worker = await _worker(run)
        await worker.tidy()  # where there is no table, this says so
        await (worker.drained() if once else _attend(worker))
        return {"taken": worker.taken, "sent": worker.sent}

    counts = command.run(until_told)
    command.give(counts, f"{counts['taken']} taken, {counts['sent']} sent")


async def _worker(run: Run) -> MailWorker:
    """One that stands beside the app's own, whether or not that works."""
    claims, time = Claims(await run.open(database)), await run.open(clock)
    return MailWorker(claims, await run.open(mailer), await run.open(mail_settings), time)


async def _attend(worker: MailWorker) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with worker.at_work():
            log.info("working on the outbox")
            async for _ in signals:
                break


def _row(each: OutgoingMail, now: datetime) -> dict[str, Any]:
    return {
        "id": each.id,
        "template": each.template or None,
        "recipient": each.recipient,
        "state": each.state,
        "age": _age((now - each.created_at).total_seconds()),
        "attempts": each.attempts,
        "created_at": each.created_at.isoformat(timespec="seconds"),
        "due_at": each.due_at.isoformat(timespec="seconds"),
        "error": each.error or None,
    }


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
