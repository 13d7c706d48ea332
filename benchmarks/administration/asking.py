"""Asking an app in its own process, without a server: pages, and forms as a browser sends them."""

import asyncio
import io
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Protocol
from urllib.parse import urlencode, urljoin

HOST = "shop"


@dataclass
class Answer:
    """Status, headers and how long the body was; its text is kept only while it is short."""

    path: str
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0
    text: str = ""

    def take(self, chunk: bytes) -> None:
        """Some more of the body."""
        self.size += len(chunk)
        if self.size < 2_000_000:
            self.text += chunk.decode("utf-8", "replace")

    def check(self, *expected: int) -> "Answer":
        """The same, if it has one of these statuses."""
        if self.status not in expected:
            raise SystemExit(f"{self.path} answered {self.status}: {self.text[:2000]}")
        return self


class App(Protocol):
    """What answers a request."""

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer."""


class ToAsgi:
    """An ASGI app."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer; whoever asks stays until it has all of it."""
        answer, sent = Answer(path), False
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [
                    (name.decode().lower(), value.decode()) for name, value in message["headers"]
                ]
            else:
                answer.take(message.get("body", b""))

        await self._app(_scope(method, path, headers), receive, send)
        return answer


class ToWsgi:
    """A WSGI app, in a thread of its own: it runs no event loop there, and may block."""

    def __init__(self, app: Callable[..., Iterable[bytes]], thread: ThreadPoolExecutor) -> None:
        self._app = app
        self._thread = thread

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._ask, method, path, headers, body)

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = Answer(path)

        def start(status: str, found: list[tuple[str, str]], *_: object) -> None:
            answer.status = int(status.split()[0])
            answer.headers = [(name.lower(), value) for name, value in found]

        inner, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": inner,
            "QUERY_STRING": query,
            "SERVER_NAME": HOST,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "CONTENT_LENGTH": str(len(body)),
            **{_variable(name): value for name, value in headers.items()},
        }
        found = self._app(environ, start)
        for chunk in found:
            answer.take(chunk)
        getattr(found, "close", lambda: None)()
        return answer


class Asking:
    """A browser's part: cookies, and forms."""

    def __init__(self, app: App, cookies: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._cookies = dict(cookies or {})

    async def get(self, path: str) -> Answer:
        """A page."""
        return (await self._ask("GET", path, b"")).check(200)

    async def post(self, path: str, form: Any) -> Answer:
        """What a form gets."""
        return await self._ask("POST", path, urlencode(form).encode())

    async def _ask(self, method: str, path: str, body: bytes) -> Answer:
        headers = {"host": HOST, "accept": "text/html"}
        if self._cookies:
            headers["cookie"] = "; ".join(f"{name}={each}" for name, each in self._cookies.items())
        if body:
            headers["content-type"] = "application/x-www-form-urlencoded"
            headers["content-length"] = str(len(body))
            headers["origin"] = f"http://{HOST}"
        answer = await self._app(method, path, headers, body)
        for name, value in answer.headers:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                self._cookies[key] = rest.partition(";")[0]
        return answer


@dataclass
class Form:
    """A form of a page, with what would be sent if nothing were typed."""

    action: str
    values: list[tuple[str, str]] = field(default_factory=list)

    def with_value(self, name: str, value: str) -> list[tuple[str, str]]:
        """What would be sent if that were typed."""
        return [(each, value if each == name else held) for each, held in self.values]


async def shown_form(asking: Asking, path: str, named: str) -> Form:
    """The form of the page that has a field of this name."""
    reader = _Forms()
    reader.feed((await asking.get(path)).text)
    for each in reader.forms:
        if any(name == named for name, _ in each.values):
            each.action = urljoin(path, each.action).removeprefix(f"http://{HOST}")
            return each
    raise SystemExit(f"{path} has no form with {named}")


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._text: str | None = None
        self._select = ""
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(found.get("action", ""))
            self.forms.append(self._open)
        if self._open is None:
            return
        kind = found.get("type", "text")
        if tag == "input" and found.get("name") and kind not in ("submit", "button", "file"):
            if kind not in ("checkbox", "radio") or "checked" in found:
                self._open.values.append((found["name"], found.get("value", "on")))
        elif tag == "textarea":
            self._text, self._select = "", found.get("name", "")
        elif tag == "select":
            self._select, self._options = found.get("name", ""), []
        elif tag == "option":
            self._options.append((found.get("value", ""), "selected" in found))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if self._open is None:
            return
        if tag == "form":
            self._open = None
        elif tag == "textarea" and self._text is not None:
            self._open.values.append((self._select, self._text.lstrip("\n")))
            self._text = None
        elif tag == "select" and self._select:
            chosen = [value for value, selected in self._options if selected]
            self._open.values += [(self._select, each) for each in chosen]


def _scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    inner, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": inner,
        "raw_path": inner.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.9", 50000),
        "server": (HOST, 80),
    }


def _variable(name: str) -> str:
    bare = name.upper().replace("-", "_")
    return bare if bare in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{bare}"
