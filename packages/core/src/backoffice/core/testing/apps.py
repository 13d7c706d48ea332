"""An app that runs for the length of a test, and clients of it."""

from collections.abc import Awaitable, Mapping
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, TypeVar

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from backoffice.core.clock import Clock, clock
from backoffice.core.errors import SetupError
from backoffice.core.events import events
from backoffice.core.singletons import STATE, Run, Singleton, running
from backoffice.core.testing.events import CapturedEvents
from backoffice.core.testing.mail import SentMail

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal
    from httpx2 import AsyncClient
    from starlette.testclient import TestClient

T = TypeVar("T")

BASE_URL = "http://testserver"


class RunningApp:
    """An app that runs, with its lifespan, in a thread of its own; `time` is its clock.

        with RunningApp(app) as running:
            assert running.client().get("/").status_code == 200

    Its clients share the run and nothing else. Its methods may be called from any thread, also
    from an async test, whichever loop that runs on; not from within the app.
    """

    def __init__(self, app: Starlette, *, time: Clock | None = None) -> None:
        self.app = app
        self._time = time
        self._stack = ExitStack()
        self._first: TestClient | None = None
        self._events: CapturedEvents | None = None

    def __enter__(self) -> "RunningApp":
        from starlette.testclient import TestClient

        with ExitStack() as stack:
            stack.callback(self._ended)
            # An override alive at the start is the run's own value from then on.
            with clock.override(self._time) if self._time is not None else nullcontext():
                self._first = stack.enter_context(TestClient(self.app, BASE_URL))
            brought = STATE in self._first.app_state
            self._events = CapturedEvents(self, self.value(events) if brought else None)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _ended(self) -> None:
        self._first = self._events = None

    @property
    def run(self) -> Run:
        """The singletons of this run; SingletonError where nothing brings them along."""
        return running(HTTPConnection({"type": "http", "state": self._started.app_state}))

    @property
    def events(self) -> CapturedEvents:
        """What was committed since the app started."""
        if self._events is None:
            raise _not_running()
        return self._events

    @property
    def mail(self) -> SentMail:
        """What the app has sent; it needs BACKOFFICE_MAIL__URL=memory:."""
        return SentMail(self)

    def call(self, work: Awaitable[T]) -> T:
        """What `work` gives, awaited on the app's own event loop."""

        async def awaited() -> T:
            return await work

        return self.portal.call(awaited)

    def value(self, wanted: Singleton[T]) -> T:
        """The value of a singleton in this run, opened if it was not."""
        return self.call(self.run.open(wanted))

    def client(
        self,
        headers: Mapping[str, str] | None = None,
        *,
        base_url: str = BASE_URL,
        follow_redirects: bool = True,
        raise_server_exceptions: bool = True,
    ) -> "TestClient":
        """A new client with cookies and headers of its own, on this run of the app."""
        from backoffice.core.testing.clients import client

        made = client(
            self._started,
            headers=dict(headers or {}),
            base_url=base_url,
            follow_redirects=follow_redirects,
            raise_server_exceptions=raise_server_exceptions,
        )
        self._stack.callback(made.close)
        return made

    def async_client(
        self,
        headers: Mapping[str, str] | None = None,
        *,
        base_url: str = BASE_URL,
        follow_redirects: bool = True,
        raise_server_exceptions: bool = True,
    ) -> "AsyncClient":
        """The same for async tests. The app stays on its own loop, the client is on the test's."""
        from httpx2 import AsyncClient

        from backoffice.core.testing.transport import ToApp

        return AsyncClient(
            transport=ToApp(self._started, raise_app_exceptions=raise_server_exceptions),
            headers=headers,
            base_url=base_url,
            follow_redirects=follow_redirects,
        )

    @property
    def portal(self) -> "BlockingPortal":
        """The way onto the app's event loop, for what `call` does not do."""
        portal = self._started.portal
        if portal is None:
            raise _not_running()
        return portal

    @property
    def _started(self) -> "TestClient":
        if self._first is None:
            raise _not_running()
        return self._first


def _not_running() -> SetupError:
    return SetupError("the app does not run: write `with RunningApp(app) as running:`")
