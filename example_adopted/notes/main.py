"""Notes, each of its owner: an app with users of its own, that was given a back office."""

from typing import Annotated

from fastapi import Depends, FastAPI
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal, UserModel
from backoffice.core import session
from notes.models import Note, User

auth = Auth(user_model=UserModel(User, hashed_password="password_hash", is_superuser="is_admin"))
admin = Admin(auth, models=[Note])

app = FastAPI(title="Notes")
app.include_router(auth.router, prefix="/auth")
app.include_router(admin.router, prefix="/admin")

Database = Annotated[AsyncSession, Depends(session)]
#: The key of the app's own table.
Owner = Annotated[Principal[int], auth.require()]


class NewNote(SQLModel):
    text: str


@app.get("/notes")
async def notes(owner: Owner, database: Database) -> list[str]:
    own = select(Note.text).where(Note.owner_id == owner.id).order_by(col(Note.id))
    return list((await database.exec(own)).all())


@app.post("/notes", status_code=201)
async def add(owner: Owner, note: NewNote, database: Database) -> str:
    database.add(Note(owner_id=owner.id, text=note.text))
    await database.commit()
    return note.text


@app.get("/reports", dependencies=[auth.require("reports:read")])
async def reports(database: Database) -> int:
    return len((await database.exec(select(Note.id))).all())
