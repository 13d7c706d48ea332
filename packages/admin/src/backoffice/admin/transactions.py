"""One session of the run's database for each request, committed only if all went well."""

import logging
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.admin.history.circumstances import through
from backoffice.admin.history.recorder import follow
from backoffice.admin.visits import known_visit
from backoffice.auth.origin import SAFE_METHODS

log = logging.getLogger(__name__)


class Transactions:
    """Gives `request.state.session`, which starlette-admin's views read and write by.

    The database is that of the run which the request belongs to. The commit comes before the
    first byte of the answer: nobody is told of a change that was not kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        with through("admin"):
            await self._within(scope, receive, send)

    async def _within(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = known_visit(HTTPConnection(scope))
        if visit is None or visit.known is None:
            await self._app(scope, receive, send)
            return
        async with visit.services.database.session() as session:
            scope["state"]["session"] = session
            follow(session, actor=visit.known.name, through="admin")
            await self._app(scope, receive, _Answer(scope, receive, send, session))


class _Answer:
    """The `send` of a request in a transaction."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, session: AsyncSession) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._session = session
        self._lost = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not await self._settled(message):
            self._lost = True
            refusal = PlainTextResponse("The change could not be kept.", HTTPStatus.CONFLICT)
            await refusal(self._scope, self._receive, self._send)
        elif not self._lost:
            await self._send(message)

    async def _settled(self, message: Message) -> bool:
        """Whether the transaction has ended as the answer says it did."""
        try:
            if self._scope["method"] in SAFE_METHODS or message["status"] >= HTTPStatus.BAD_REQUEST:
                await self._session.rollback()
            else:
                await self._session.commit()
        except SQLAlchemyError:
            log.exception("the change could not be kept")
            return False
        return True
