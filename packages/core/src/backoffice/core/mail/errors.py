"""What goes wrong with mail."""

from backoffice.core.errors import Unavailable

RETRY_SECONDS = 60


class MailUnavailable(Unavailable):
    """A message was not handed over.

    The caller is told that, and no more: whether an address is refused for good is not a
    stranger's business. `reason` is for whoever runs the app; it names no address and no secret.
    """

    code = "mail_unavailable"

    def __init__(self, reason: str, *, temporary: bool = True) -> None:
        super().__init__(
            "The mail could not be sent; try again later.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )
        #: What happened, with the server's status codes where it gave any.
        self.reason = reason
        #: Whether the same message may get through later; False: this one never will.
        self.temporary = temporary
