"""The database as the app had it: `python -m notes.before`, from the folder above."""

import bcrypt
from sqlmodel import Session, SQLModel

from backoffice.core import Database, Settings
from notes.models import TABLES, Note, User

#: Everybody's, and worth nothing.
PASSWORD = "notes before 2026"  # noqa: S105


def fill(url: str) -> None:
    """Make the app's own tables, with two users and a note."""
    engine = Database(url).sync_engine
    SQLModel.metadata.create_all(engine, tables=TABLES)
    with Session(engine) as session:
        ann = User(email="Ann@Example.com", full_name="Ann", password_hash=hashed(), is_admin=True)
        bob = User(email="bob@example.com", full_name="Bob", password_hash=hashed())
        session.add_all([ann, bob])
        session.flush()
        session.add(Note(owner_id=bob.id or 0, text="milk"))
        session.commit()
    engine.dispose()


def hashed() -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


if __name__ == "__main__":
    fill(Settings().database_url.get_secret_value())
