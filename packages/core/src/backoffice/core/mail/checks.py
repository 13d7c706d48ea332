"""What `backoffice doctor` says of mail."""

from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address

from backoffice.core.checks import Finding, Level
from backoffice.core.dependencies import declared
from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.mailer import mailer
from backoffice.core.mail.outbox import outbox
from backoffice.core.mail.settings import Submission, mail_settings
from backoffice.core.singletons import Run, plan

CHECK, LATE_MAIL, DEAD_MAIL = "mail.delivery", "mail.late", "mail.given-up"
#: A worker that lives has looked long before.
LATE = timedelta(minutes=10)
ADVICE = "set BACKOFFICE_MAIL__URL to smtp://user:password@host:587"


async def mail_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether mail goes anywhere, and safely."""
    settings = await run.open(mail_settings)
    destination = settings.destination()
    if isinstance(destination, Submission):
        if destination.tls == "none" and not _on_this_machine(destination.host):
            yield Finding(
                "mail.encryption",
                "warning",
                f"{destination} is spoken to without encryption: links and password can be read",
                "remove ?tls=none",
            )
        yield await _reached(run, f"{destination} takes mail", "ok")
    elif destination is not None:
        yield await _reached(run, f"goes to {destination}, and to nobody's mailbox", "warning")
    else:
        yield _unset(run)


async def outbox_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether what stands in the outbox gets out of it."""
    box = await run.open(outbox)
    late, dead = await box.overdue(LATE), await box.given_up()
    if late:
        yield Finding(
            LATE_MAIL,
            "warning",
            f"messages that wait for {LATE.total_seconds() / 60:g} minutes too long: {late}",
            "run the app with BACKOFFICE_MAIL__WORKER, or `backoffice mail work`",
        )
    if dead:
        yield Finding(
            DEAD_MAIL,
            "warning",
            f"messages that were given up: {dead}",
            "`backoffice mail list --state dead` says why, `backoffice mail retry` sends them",
        )
    if not (late or dead):
        yield Finding(LATE_MAIL, "ok", "nothing is late, and nothing was given up")


async def _reached(run: Run, message: str, level: Level) -> Finding:
    try:
        await (await run.open(mailer)).ping()
    except MailUnavailable as error:
        return Finding(CHECK, "error", error.reason, "see BACKOFFICE_MAIL__URL")
    return Finding(CHECK, level, message, "" if level == "ok" else ADVICE)


def _unset(run: Run) -> Finding:
    if run.app is not None and mailer not in plan(*declared(run.app)):
        return Finding(CHECK, "ok", "this app sends none")
    return Finding(
        CHECK,
        "warning",
        "goes nowhere: BACKOFFICE_MAIL__URL is not set. It is shown at a terminal, else refused",
        ADVICE,
    )


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
