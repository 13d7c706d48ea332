"""`backoffice audit`: what happened, from a shell, and whether the log is whole."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.models import AuditEntry
from backoffice.auth.services import Services
from backoffice.core import InvalidInput, Refusal
from backoffice.core.command import Command, rehearsed, span_of

audit = typer.Typer(help="The audit log: what happened, and who did it.", no_args_is_help=True)


class Tampered(Refusal):
    """The audit log is not as it was written."""

    code = "audit_log_broken"


@audit.command("list")
def list_entries(
    context: typer.Context,
    event: Annotated[str, typer.Option(help="Only this event, as auth.signed_in.")] = "",
    subject: Annotated[str, typer.Option(help="Only about this, as user:<id>.")] = "",
    actor: Annotated[str, typer.Option(help="Only by this one, as user:<id>.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> None:
    """List entries, the newest first."""

    async def work(services: Services) -> list[dict[str, Any]]:
        found = await services.audit.entries(event=event, subject=subject, actor=actor, limit=limit)
        return [_shown(each) for each in found]

    columns = ("number", "at", "event", "outcome", "actor", "subject", "address")
    Command.of(context).give_rows(within_app(context, work, reads=True), columns)


@audit.command("verify")
def verify(
    context: typer.Context,
    expect: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:DIGEST", help="Of an earlier look: must be there still."),
    ] = None,
) -> None:
    """Check the whole chain; 1 where an entry was changed, taken out or put in."""
    expected = None if expect is None else _expected(expect)

    async def work(services: Services) -> dict[str, Any]:
        found = await services.audit.verified()
        if expected is not None and await services.audit.digest(expected[0]) != expected[1]:
            found.fault(f"entry {expected[0]} is not the one that was expected")
        return asdict(found)

    answer = within_app(context, work, reads=True)
    if answer["faults"]:
        raise Tampered("the audit log is not as it was written: " + "; ".join(answer["faults"]))
    command = Command.of(context)
    if answer["unchained"]:
        command.say(f"{answer['unchained']} entries are older than the chain: nothing holds them")
    end = f"{answer['last']}:{answer['digest']}"
    command.give(answer, f"{answer['entries']} entries are whole; the chain ends at {end}")


@audit.command("prune")
@rehearsed
def prune(
    context: typer.Context,
    older_than: Annotated[str, typer.Option(help="How old, as 400d.")],
) -> None:
    """Delete the oldest entries; the log says so, and the rest of the chain stays whole."""
    span: timedelta = span_of(older_than)

    async def work(services: Services) -> int:
        return await services.audit.prune(span, actor=operator())

    command = Command.of(context)
    command.confirm(f"Delete all entries that are older than {older_than}, for good?")
    count = within_app(context, work)
    command.give({"deleted": count}, f"{count} deleted")


def _shown(entry: AuditEntry) -> dict[str, Any]:
    shown = entry.model_dump(exclude={"id", "at", "digest"})
    return {**shown, "at": entry.at.isoformat(timespec="seconds")}


def _expected(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(number) > 15 or len(digest) != 64:
        raise InvalidInput(f"{text[:80]!r} is no NUMBER:DIGEST; `audit verify` prints one")
    return int(number), digest
