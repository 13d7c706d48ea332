"""A server of stolen passwords, by the protocol of Have I Been Pwned, and its faults."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STOLEN, PADDING, GOOD = "stolen but long", "only padding", "never stolen at all"
ANSWERS = {
    "error": (503, b"try later"),
    "page": (200, b"<html>sign in to this network</html>"),
    "elsewhere": (302, b""),
    "latin": (200, "0018A45C4D1DEF81644B54AB7F969B88D65:\xe9".encode("latin-1")),
    "endless": (200, (b"0" * 35 + b":0\r\n") * 60_000),
}


def digest(password: str) -> str:
    return sha1(password.encode()).hexdigest().upper()


class Breaches(BaseHTTPRequestHandler):
    """Answers as the service does: rests of digests with a count, 0 in what only fills up."""

    server: "BreachServer"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        if self.server.answer == "silence":
            self.server.stopped.wait(20)
            return
        status, body = ANSWERS.get(self.server.answer, (200, self._listed()))
        self.send_response(status)
        self.send_header("Location", "/range/00000")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _listed(self) -> bytes:
        prefix = self.path.rpartition("/")[2]
        lines = [f"{'0' * 34}{each:X}:0" for each in range(16)]
        for password, count in ((STOLEN, 42), (PADDING, 0)):
            if digest(password).startswith(prefix):
                lines.append(f"{digest(password)[5:]}:{count}")
        return "\r\n".join(lines).encode()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class BreachServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Breaches)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer = "list"
        self.stopped = threading.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/range"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up."""


@contextmanager
def breach_server() -> Iterator[BreachServer]:
    """The server, on a free port."""
    with BreachServer() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.stopped.set()
        found.shutdown()
        thread.join()
