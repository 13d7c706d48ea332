"""A process that dies at a point of its choice: `python crashing.py POINT`, killed from outside.

It says `here` once it is there, and stays. The settings come from the environment.
"""

import asyncio
import sys
from typing import Any

from backoffice.core import Message, Run, database, mailer
from backoffice.core.mail import MailWorker, mail_settings, outbox
from backoffice.core.mail.claims import Claims

POINT = sys.argv[1]
MESSAGE = Message(
    to="ann@example.org", subject="Hello", text="https://shop.example.org/?token=4711", id="one"
)


async def here() -> None:
    print("here", flush=True)
    await asyncio.sleep(3600)


async def stay(*_: Any) -> bool:
    await here()
    return False


async def main() -> None:
    async with Run() as run:
        opened, box = await run.open(database), await run.open(outbox)
        async with opened.session() as session:
            await box.add(session, MESSAGE)
            if POINT == "before the commit":
                await here()
            await session.commit()
        if POINT == "after the commit":
            await here()
        claims = Claims(opened)
        if POINT == "after sending":
            claims.sent = stay  # type: ignore[method-assign, assignment]
        worker = MailWorker(claims, await run.open(mailer), await run.open(mail_settings))
        await worker.drained()
        await here()


asyncio.run(main())
