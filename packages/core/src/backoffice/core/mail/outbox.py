"""The outbox: mail that is written in the transaction of what it tells, and sent after it.

A change that is rolled back tells nobody; one that is committed is told, whatever crashes next.
`worker.py` sends what stands here.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends
from sqlalchemy import ColumnElement, Executable, and_, func, or_, select, update
from sqlalchemy import event as sqlalchemy_events
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col

from backoffice.core.clock import Clock
from backoffice.core.clock import clock as app_clock
from backoffice.core.database import Database
from backoffice.core.database import database as app_database
from backoffice.core.errors import Conflict, NotFound
from backoffice.core.mail.contexts import MailTemplate
from backoffice.core.mail.messages import Message, is_id, parsed
from backoffice.core.mail.models import DEAD, DECOY, SENDING, SENT, WAITING, OutgoingMail
from backoffice.core.mail.settings import MailSettings, mail_settings
from backoffice.core.mail.templates import Templates
from backoffice.core.plain import text_of
from backoffice.core.singletons import singleton


class Outbox:
    """Takes messages within a transaction; knows what became of them."""

    def __init__(
        self, database: Database, templates: Templates, clock: Clock | None = None
    ) -> None:
        self._database = database
        self._templates = templates
        self._clock = clock or Clock()
        #: Who wants to know that a message was committed: the worker beside it.
        self.listeners: set[Callable[[], None]] = set()
        #: Who adds messages beside the requests that ask for them: each adds what it has by now.
        self.sources: set[Callable[[], Awaitable[object]]] = set()

    async def add(
        self,
        session: AsyncSession,
        message: Message,
        *,
        template: str = "",
        until: datetime | None = None,
    ) -> bool:
        """Have the message sent once the session's transaction is committed, and only then.

        `until` is when what it tells runs out: it is not sent after that. False where a message
        of this id is in the outbox already, which stays as it is: adding one twice sends one.
        """
        return await self._write(session, self._row(message, template, until))

    async def tell(
        self,
        session: AsyncSession,
        to: str,
        about: MailTemplate,
        *,
        language: str | None = None,
        until: datetime | None = None,
        deliver: bool = True,
    ) -> None:
        """`add` what the template says: `await outbox.tell(session, address, ResetMail(...))`.

        With `deliver=False` it does the same work and has nothing sent: for a route that must
        take as long for an address that has no account.
        """
        message = self._templates.message(about, to=to, language=language)
        row = self._row(message, about.name, until)
        await self._write(session, row if deliver else {**row, "state": DECOY, "recipient": ""})

    async def _write(self, session: AsyncSession, row: dict[str, Any]) -> bool:
        connection = await session.connection()
        done = await connection.execute(_insert(connection.dialect.name, row))
        self._tell_after_commit(session.sync_session)
        return done.first() is not None

    async def list(
        self, state: str | None = None, *, to: str = "", after: str = "", limit: int = 100
    ) -> list[OutgoingMail]:
        """The newest messages, without what they say.

        `to` is a part of the address; `after` is the id of the message that they come behind.
        """
        made, id = col(OutgoingMail.created_at), col(OutgoingMail.id)
        statement = _shown().order_by(made.desc(), id.desc()).limit(limit)
        if state is not None:
            statement = statement.where(col(OutgoingMail.state) == state)
        if to:
            statement = statement.where(col(OutgoingMail.recipient).icontains(to, autoescape=True))
        if after:
            last = select(made).where(id == after).scalar_subquery()
            statement = statement.where(or_(made < last, and_(made == last, id < after)))
        return [_message(row) for row in await self._database.read(statement)]

    async def one(self, id: str) -> OutgoingMail:
        """One message, without what it says; NotFound."""
        found = await self._database.read(_shown().where(col(OutgoingMail.id) == id))
        if not found:
            raise _unknown(id)
        return _message(found[0])

    async def counts(self) -> dict[str, int]:
        """How many messages there are of each state."""
        state = col(OutgoingMail.state)
        statement = select(state, func.count()).where(state != DECOY).group_by(state)
        return {row[0]: row[1] for row in await self._database.read(statement)}

    async def overdue(self, span: timedelta) -> int:
        """How many messages were to be tried so long ago, and nobody has."""
        late = col(OutgoingMail.due_at) <= self._clock.now() - span
        open_ = col(OutgoingMail.state).in_((WAITING, SENDING))
        return await self._count(open_ & late)

    async def given_up(self) -> int:
        """How many messages are dead."""
        return await self._count(col(OutgoingMail.state) == DEAD)

    async def _count(self, which: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(OutgoingMail).where(which)
        count: int = (await self._database.read(statement))[0][0]
        return count

    async def retry(self, id: str | None = None) -> int:
        """Try a message that is dead or waits again at once, or all those that are dead.

        Gives how many. NotFound and Conflict say of one why it cannot be tried.
        """
        which = col(OutgoingMail.state) == DEAD
        if id is not None:
            if not is_id(id):
                raise _unknown(id)
            which = and_(col(OutgoingMail.id) == id, col(OutgoingMail.state).in_((DEAD, WAITING)))
        moment = self._clock.now()
        async with self._database.session() as session:
            count: int = (await session.exec(_again(which, moment))).rowcount
            await session.commit()
        if id is not None and not count:
            raise await self._why_not(id)
        for tell in [*self.listeners]:
            tell()
        return count

    async def _why_not(self, id: str) -> NotFound | Conflict:
        statement = select(OutgoingMail.state).where(col(OutgoingMail.id) == id)  # type: ignore[call-overload]
        found = await self._database.read(statement)
        if not found:
            return _unknown(id)
        told = {SENT: "was sent", SENDING: "is being sent"}
        why = told.get(found[0].state, "has run out: what it tells is no longer good")
        return Conflict(f"the message {id} {why}", code="mail_settled")

    def _row(self, message: Message, template: str, until: datetime | None) -> dict[str, Any]:
        moment = self._clock.now()
        return {
            "id": message.id,
            "template": template,
            "recipient": message.to,
            "content": content(message),
            "state": WAITING,
            "attempts": 0,
            "created_at": moment,
            "due_at": moment,
            "expires_at": until,
            "error": "",
        }

    def _tell_after_commit(self, session: Session) -> None:
        if self not in session.info:
            session.info[self] = True
            sqlalchemy_events.listen(session, "after_commit", self._committed)

    def _committed(self, session: Session) -> None:
        # Releasing a savepoint commits nothing yet.
        if not session.in_nested_transaction():
            for tell in [*self.listeners]:
                tell()


# Any: the columns of a row, which SQLAlchemy knows no types of.
def _shown() -> Any:
    columns = [each for each in OutgoingMail.__table__.c if each.name != "content"]  # type: ignore[attr-defined]
    return select(*columns).where(col(OutgoingMail.state) != DECOY)


def _message(row: Any) -> OutgoingMail:
    return OutgoingMail(**row._mapping)


def _unknown(id: str) -> NotFound:
    return NotFound(f"the outbox holds no message {text_of(id)}; `backoffice mail list` shows them")


def content(message: Message) -> dict[str, Any]:
    """What of a message may hold secrets, as it is kept until it is sent."""
    return {
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "reply_to": message.reply_to,
        "headers": dict(message.headers),
    }


def _insert(dialect: str, row: dict[str, Any]) -> Executable:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    written = insert(OutgoingMail).values(row).on_conflict_do_nothing(index_elements=["id"])
    return written.returning(col(OutgoingMail.id))


def _again(which: ColumnElement[bool], moment: datetime) -> Any:
    return (
        update(OutgoingMail)
        .where(which, col(OutgoingMail.content).is_not(None), unexpired(moment))
        .values(state=WAITING, attempts=0, due_at=moment, settled_at=None)
    )


def unexpired(moment: datetime) -> ColumnElement[bool]:
    """What holds of a message that still tells something good."""
    return or_(col(OutgoingMail.expires_at).is_(None), col(OutgoingMail.expires_at) > moment)


def site(sender: str) -> str:
    """What templates call the app: the name in the sender's address, or its domain."""
    found = parsed("sender", sender)
    return found.name or found.domain


@singleton
async def mail_templates(
    settings: Annotated[MailSettings, Depends(mail_settings)],
) -> Templates:
    """The templates of this run, every one of which can be used."""
    return await to_thread.run_sync(
        lambda: Templates(settings.templates, site=site(settings.sender))
    )


@singleton
async def outbox(
    database: Annotated[Database, Depends(app_database)],
    templates: Annotated[Templates, Depends(mail_templates)],
    clock: Annotated[Clock, Depends(app_clock)],
) -> Outbox:
    """The outbox of this run. A route that takes it has the worker run beside it."""
    return Outbox(database, templates, clock)
