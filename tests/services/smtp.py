"""A real SMTP server in a thread of this process, with faults to order."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.services.process import START_SECONDS

HOST = "localhost"
USER, PASSWORD = "postmaster", "p/ss#w?rd@é"

TLS = Literal["starttls", "implicit", "none"]
#: `hangs`: never answers DATA. `breaks off`: in the middle of DATA. `lingers`: after QUIT.
Fault = Literal["", "hangs", "breaks off", "lingers"]


@dataclass
class SMTPServer:
    """A running server, and what it was given. Its answers may be set: `refusals["RCPT"] = ...`."""

    authority: trustme.CA
    port: int = 0
    received: list[Envelope] = field(default_factory=list)
    #: The address of each envelope that got as far as MAIL.
    begun: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    fault: Fault = ""
    connections: set["_Connection"] = field(default_factory=set)
    most_connections: int = 0

    @property
    def messages(self) -> list[EmailMessage]:
        """The received, parsed by the standard library."""
        return [_parsed(each) for each in self.received]

    def connected(self, connection: "_Connection") -> None:
        """Count it among those that are in use at once."""
        self.connections.add(connection)
        in_use = sum(not each.dismissed for each in self.connections)
        self.most_connections = max(self.most_connections, in_use)

    # What aiosmtpd calls, by name.

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.begun.append(address)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.refusals.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        # Servers repeat the address in what they say of it.
        return self.refusals.get("RCPT", "250 OK").replace("{}", address)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.fault == "hangs":
            await asyncio.sleep(3600)
        if "DATA" not in self.refusals:
            self.received.append(envelope)
        return self.refusals.get("DATA", "250 OK")

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.fault == "lingers":
            await asyncio.sleep(3600)
        return "221 Bye"

    def authenticated(self, *given: Any) -> AuthResult:
        """Whether the password is right."""
        login = given[-1]
        assert isinstance(login, LoginPassword)
        self.passwords.append(login.password.decode())
        if "AUTH" in self.refusals:
            return AuthResult(success=False, handled=False, message=self.refusals["AUTH"])
        good = (login.login.decode(), login.password.decode()) == (USER, PASSWORD)
        return AuthResult(success=good, handled=False)


class _Connection(SMTP):
    """One connection, which counts itself and can break off."""

    dismissed = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gone = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._server.connected(self)
        super().connection_made(transport)

    async def smtp_QUIT(self, arg: str) -> None:
        self.dismissed = True  # however late we learn that the client is gone
        await super().smtp_QUIT(arg)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        self.gone.set()
        super().connection_lost(error)

    def abort(self) -> None:
        """Break off."""
        # Python 3.11.2 breaks on aborting one that TLS has closed already.
        if not self._writer.transport.is_closing():
            self._writer.transport.abort()

    @property
    def _server(self) -> SMTPServer:
        server: SMTPServer = self.event_handler
        return server

    async def smtp_DATA(self, arg: str) -> None:
        if self._server.fault != "breaks off":
            await super().smtp_DATA(arg)
            return
        await self.push("354 Go on")
        await self._reader.readline()
        self.abort()


def _parsed(envelope: Envelope) -> EmailMessage:
    content = envelope.content
    assert isinstance(content, bytes)
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


@contextlib.contextmanager
def smtp_server(
    tls: TLS = "starttls", *, host: str = HOST, utf8: bool = True, sign_in: bool = True
) -> Iterator[SMTPServer]:
    """Serve while the block runs; the certificate, of an authority of its own, is for `host`."""
    server = SMTPServer(trustme.CA())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.authority.issue_cert(host).configure_cert(context)
    options: dict[str, Any] = {"enable_SMTPUTF8": utf8, "hostname": HOST}
    if tls == "starttls":
        options["tls_context"] = context
    if sign_in:
        # Taken without TLS as well: that a client kept its password to itself shows only here.
        options |= {"authenticator": server.authenticated, "auth_require_tls": False}
    with _serving(server, options, context if tls == "implicit" else None):
        yield server


@contextlib.contextmanager
def _serving(
    server: SMTPServer, options: dict[str, Any], context: ssl.SSLContext | None
) -> Iterator[None]:
    ready: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        listening = await loop.create_server(
            lambda: _Connection(server, **options), "127.0.0.1", 0, ssl=context
        )
        server.port = listening.sockets[0].getsockname()[1]
        ready.set_result(lambda: loop.call_soon_threadsafe(stop.set))
        await stop.wait()
        listening.close()
        for each in [*server.connections]:
            each.abort()
        await asyncio.gather(*(each.gone.wait() for each in server.connections))

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    stop = ready.result(START_SECONDS)
    try:
        yield
    finally:
        stop()
        thread.join()
