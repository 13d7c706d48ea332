"""SMTP: a connection for each letter, encrypted, bounded in number and in time."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiosmtplib
import anyio

from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.messages import Letter
from backoffice.core.mail.settings import Submission

#: What a server that has taken a letter is given to say goodbye.
QUIT_SECONDS = 1.0
AUTHENTICATION_REQUIRED = 530

_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_FAULTS = (aiosmtplib.SMTPException, OSError, UnicodeError)

Work = Callable[["_Client"], Awaitable[object]]


class _Client(aiosmtplib.SMTP):
    # A wrong password is tried by each method, and each counts towards the server's lock-out.
    # Inside TLS, CRAM-MD5 adds nothing, and it fails where MD5 is forbidden.
    AUTH_METHODS = ("plain", "login")

    def close(self) -> None:
        # Without waiting for the server's part, which TLS gives half a minute.
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


class SMTP:
    """Hands letters to an SMTP server; `timeout` (seconds) bounds each one, waiting included."""

    def __init__(self, server: Submission, *, timeout: float, connections: int) -> None:
        self.server = server
        self._timeout = timeout
        self._limiter = anyio.CapacityLimiter(connections)
        self._tls = ssl.create_default_context()
        self._name = _own_name()

    async def deliver(self, letter: Letter) -> None:
        """Send the letter; MailUnavailable tells whether trying again may help."""
        options = [] if letter.content.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]

        async def hand_over(client: _Client) -> None:
            await client.sendmail(
                letter.sender, letter.recipient, letter.content, mail_options=options
            )
            # Before the goodbye, which may take a second: whoever crashes in it sends it twice.
            await letter.taken()

        await self._in_session(hand_over)

    async def ping(self) -> None:
        """Connect, encrypt and sign in as for a letter."""
        await self._in_session(lambda client: client.noop())

    async def _in_session(self, work: Work) -> None:
        failure = None
        try:
            with anyio.fail_after(self._timeout):
                async with self._limiter, self._session() as client:
                    await work(client)
        except _FAULTS as error:
            failure = unavailable(error, self._timeout)
        # Outside of the handler: the server's words, which name the recipient, are not its context.
        if failure:
            raise failure

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[_Client]:
        client = _Client(**self._options())
        try:
            await client.connect()
            yield client
            # The letter is theirs: whatever comes now must not have it sent again.
            with anyio.move_on_after(QUIT_SECONDS, shield=True), suppress(*_FAULTS):
                await client.quit()
        finally:
            client.close()

    def _options(self) -> dict[str, Any]:
        server = self.server
        return {
            "hostname": server.host,
            "port": server.port,
            "username": server.user,
            "password": server.password if server.user is not None else None,
            "local_hostname": self._name,
            "timeout": self._timeout,
            "use_tls": server.tls == "implicit",
            "start_tls": server.tls == "starttls",
            "tls_context": self._tls,
        }


def _own_name() -> str:
    """What to say in EHLO. Not the library's socket.getfqdn, which asks the DNS and may hang."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def unavailable(error: Exception, timeout: float) -> MailUnavailable:
    """The same in our words, without the server's: those repeat addresses."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _refused("recipient", error.recipients[0])
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return _refused("sender", error)
    if isinstance(error, aiosmtplib.SMTPDataError):
        return _refused("content", error)
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return MailUnavailable("the server takes no address that is not ASCII", temporary=False)
    # What follows is about us and the server, not about this message: somebody will mend it. So
    # does Postfix judge (smtp_sasl_auth_soft_bounce).
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return MailUnavailable(f"the server refused the user or the password {_codes(error)}")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return MailUnavailable(f"the server refused us {_codes(error)}")
    return MailUnavailable(_of_connection(error, timeout))


def _refused(what: str, error: aiosmtplib.SMTPResponseException) -> MailUnavailable:
    temporary = error.code < 500 or error.code == AUTHENTICATION_REQUIRED
    return MailUnavailable(f"the server refused the {what} {_codes(error)}", temporary=temporary)


def _codes(error: aiosmtplib.SMTPResponseException) -> str:
    enhanced = _ENHANCED_CODE.match(error.message)
    return f"({error.code} {enhanced.group()})" if enhanced else f"({error.code})"


def _of_connection(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"the server did not answer within {timeout:g} seconds"
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the server's certificate is not to be trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "the server does not speak TLS as told"
    if isinstance(error, aiosmtplib.SMTPConnectError | socket.gaierror | UnicodeError):
        return "the server cannot be reached"
    if isinstance(error, OSError):
        return "the server broke off"
    if "STARTTLS extension" in str(error):
        return "the server offers no encryption (STARTTLS)"
    return "the server offers no way to sign in that we know"
