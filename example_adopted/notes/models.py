"""The tables of the app as they were before it had a back office."""

from sqlmodel import Field, Relationship, SQLModel


class User(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, index=True)
    full_name: str = ""
    #: By bcrypt.
    password_hash: str | None = None
    is_active: bool = True
    is_admin: bool = False
    notes: list["Note"] = Relationship(back_populates="owner", cascade_delete=True)


class Note(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    owner_id: int = Field(foreign_key="user.id")
    text: str
    owner: User = Relationship(back_populates="notes")


TABLES = [SQLModel.metadata.tables[name] for name in ("user", "note")]
