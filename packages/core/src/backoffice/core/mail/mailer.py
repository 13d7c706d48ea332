"""The mailer: takes a message, and hands it over or says why not."""

import logging
from typing import Annotated

from anyio import to_thread
from fastapi import Depends

from backoffice.core.clock import Clock
from backoffice.core.clock import clock as app_clock
from backoffice.core.errors import SetupError, Unavailable
from backoffice.core.mail.backends import Backend, Console, Directory, Memory
from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.messages import Message, Taken, letter, parsed
from backoffice.core.mail.settings import NOBODY, MailSettings, Submission, mail_settings
from backoffice.core.singletons import singleton

log: logging.Logger = logging.getLogger(__name__)

#: How long an answer to `well` holds; seconds.
FRESH = 60.0


class Mailer:
    """Sends one message at a time, from one sender; keeps nothing, retries nothing."""

    def __init__(
        self, backend: Backend, *, sender: str = NOBODY, clock: Clock | None = None
    ) -> None:
        self.backend = backend
        self._sender = parsed("sender", sender)
        self._clock = clock or Clock()
        self._asked: float | None = None
        self._unwell = ""

    async def send(self, message: Message, *, taken: Taken | None = None) -> None:
        """Hand the message over; MailUnavailable says whether trying again may help.

        After a time-out it may have arrived all the same: send it again under the same id. A
        backend may await `taken` as soon as it is rid of the message, before it has tidied up.
        """
        given = () if taken is None else (taken,)
        # Writing out the largest message takes 50 ms.
        written = await to_thread.run_sync(letter, message, self._sender, self._clock.now(), *given)
        try:
            await self.backend.deliver(written)
        except MailUnavailable as error:
            lasting = "for now" if error.temporary else "for good"
            log.warning("mail %s was not sent, %s: %s", message.id, lasting, error.reason)
            raise

    async def ping(self) -> None:
        """See whether mail would be taken, without sending one; raises MailUnavailable."""
        await self.backend.ping()

    async def well(self) -> None:
        """For probes: `ping`, but once a minute, since servers count sign-ins.

        Raises Unavailable. A mailer that only shows mail at a terminal is well.
        """
        now = self._clock.monotonic()
        if self._asked is None or now - self._asked >= FRESH:
            self._unwell = await self._reason()
            self._asked = now
        if self._unwell:
            raise Unavailable(self._unwell, code=MailUnavailable.code)

    async def _reason(self) -> str:
        if isinstance(self.backend, Console):
            return ""
        try:
            await self.ping()
        except MailUnavailable as error:
            return error.reason
        return ""

    @property
    def sent(self) -> tuple[Message, ...]:
        """What a mailer of `memory:` has sent, oldest first; SetupError with any other."""
        if not isinstance(self.backend, Memory):
            raise SetupError("only a mailer of BACKOFFICE_MAIL__URL=memory: remembers what it sent")
        return tuple(self.backend.sent)


def backend(settings: MailSettings) -> Backend:
    """The way out that the settings name; reads files, so not on the event loop."""
    destination = settings.destination()
    if isinstance(destination, Submission):
        # 14 ms of imports that only those who send by SMTP wait for.
        from backoffice.core.mail.smtp import SMTP

        return SMTP(destination, timeout=settings.timeout, connections=settings.connections)
    if destination == "memory":
        return Memory()
    if destination is None or isinstance(destination, str):
        return Console(anywhere=destination is not None)
    return Directory(destination)


@singleton
async def mailer(
    settings: Annotated[MailSettings, Depends(mail_settings)],
    clock: Annotated[Clock, Depends(app_clock)],
) -> Mailer:
    """The mailer of this run of the app."""
    chosen = await to_thread.run_sync(backend, settings)
    return Mailer(chosen, sender=settings.sender, clock=clock)


@mailer.health(timeout=5.0, required=False)
async def _well(mailer: Mailer) -> None:
    await mailer.well()
