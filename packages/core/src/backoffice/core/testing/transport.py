"""The way from an async client to an app that runs on another loop; needs the extra `testing`."""

from typing import Any

from anyio import get_cancelled_exc_class, to_thread
from httpx2 import ASGITransport, AsyncBaseTransport, Request, Response
from starlette.testclient import TestClient

from backoffice.core.errors import SetupError


class ToApp(AsyncBaseTransport):
    """Carries requests to the app's own thread and the answers back.

    So an async test may run on any loop, under any plugin: the app does not run on its.
    """

    def __init__(self, first: TestClient, *, raise_app_exceptions: bool) -> None:
        self._first = first
        self._transport = ASGITransport(self._app, raise_app_exceptions=raise_app_exceptions)

    async def handle_async_request(self, request: Request) -> Response:
        """Answer the request, or raise what the app raised."""
        await request.aread()
        portal = self._first.portal
        if portal is None:
            raise SetupError("the app has ended: this client is of no use any more")
        answer = portal.start_task_soon(self._answered, request)
        try:
            return await to_thread.run_sync(answer.result, abandon_on_cancel=True)
        except get_cancelled_exc_class():
            answer.cancel()
            raise

    async def _answered(self, request: Request) -> Response:
        found = await self._transport.handle_async_request(request)
        # Raw: what is decoded here would be decoded once more.
        content = b"".join([chunk async for chunk in found.aiter_raw()])
        return Response(found.status_code, headers=found.headers, content=content)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = dict(self._first.app_state)
        await self._first.app(scope, receive, send)
