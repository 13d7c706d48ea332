"""The history of users that are in the app's own table, and of what is kept beside it."""

from typing import Any

from sqlalchemy import select

from backoffice.admin.history import Change
from tests.adopted.conftest import Notes


def changes(notes: Notes) -> list[Change]:
    """Those of users, the oldest first."""

    async def found() -> list[Change]:
        # Any: the columns of a SQLModel class are its values to a type checker.
        table: Any = Change
        async with notes.services.database.session() as session:
            query = select(table).where(table.resource == "users").order_by(table.number)
            return list((await session.exec(query)).scalars())  # type: ignore[call-overload]

    return notes.call(found())


def test_a_user_is_told_of_whichever_table_keeps_what_was_changed(notes: Notes) -> None:
    """The address in the app's own, whether they are verified beside it."""
    bob = notes.call(notes.services.users.find("bob@example.com"))
    change = notes.services.users.change
    notes.call(change(bob.id, {"email": "rob@example.com"}, actor="test"))
    notes.call(change(bob.id, {"is_verified": not bob.is_verified}, actor="test"))
    first, second = changes(notes)
    assert first.record_key == second.record_key == str(bob.id)
    assert first.changes == {"email": ["bob@example.com", "rob@example.com"]}
    assert second.changes == {"is_verified": [bob.is_verified, not bob.is_verified]}
    assert second.label == "rob@example.com"


def test_a_user_who_goes_is_told_of(notes: Notes) -> None:
    """Deleted as an object of the app's own class."""
    bob = notes.call(notes.services.users.find("bob@example.com"))
    notes.call(notes.services.users.delete(bob.id, actor="test"))
    gone = changes(notes)[-1]
    assert (gone.action, gone.changes["email"]) == ("delete", ["bob@example.com", None])
    assert gone.changes["hashed_password"] == [{"$": "hidden"}, None]
