"""A request's session on the shop's database, for `async def` routes and for `def` ones."""

from typing import Annotated

from fastapi import Depends
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core import session, sync_session

AsyncDatabase = Annotated[AsyncSession, Depends(session)]
SyncDatabase = Annotated[Session, Depends(sync_session)]
