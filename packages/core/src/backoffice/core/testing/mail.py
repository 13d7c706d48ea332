"""What an app has sent by mail, as a test sees it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from backoffice.core.mail import Mailer, Message
    from backoffice.core.testing.apps import RunningApp


class SentMail(Sequence["Message"]):
    """The messages that a running app has sent, oldest first; none has left this process.

    Whoever looks at them waits until every listener has heard what was committed before, since
    listeners send mail, and until the outbox has nothing more to send. Raises SetupError where the
    app's mailer does not keep what it sends.
    """

    def __init__(self, app: "RunningApp") -> None:
        self._app = app

    def to(self, address: str) -> list["Message"]:
        """Those to that address, however its mailbox is written."""
        from backoffice.core.mail.messages import parsed

        wanted = parsed("to", address).address
        return [each for each in self if parsed("to", each.to).address == wanted]

    def __iter__(self) -> Iterator["Message"]:
        return iter(self._sent())

    def __len__(self) -> int:
        return len(self._sent())

    @overload
    def __getitem__(self, index: int) -> "Message": ...
    @overload
    def __getitem__(self, index: slice) -> Sequence["Message"]: ...
    def __getitem__(self, index: int | slice) -> "Message | Sequence[Message]":
        return self._sent()[index]

    def __repr__(self) -> str:
        return f"<SentMail of {self._app.app!r}>"

    def _sent(self) -> tuple["Message", ...]:
        len(self._app.events)
        self._drain()
        return self._mailer.sent

    def _drain(self) -> None:
        from backoffice.core.mail import outbox
        from backoffice.core.mail.worker import mail_worker

        written = self._app.run.values.get(outbox)
        for add in [*written.sources] if written is not None else ():
            self._app.call(add())
        worker = self._app.run.values.get(mail_worker)
        if worker is not None and worker.working:
            self._app.call(worker.drained())

    @property
    def _mailer(self) -> "Mailer":
        from backoffice.core.mail import mailer

        return self._app.value(mailer)
