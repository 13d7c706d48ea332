"""What the history keeps of the app's own records: what the database had, and has."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import event
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin import RecordEvent
from backoffice.admin.history import follow
from backoffice.core import Conflict
from tests.admin.conftest import House, book
from tests.admin.history.changes import changes, last, told
from tests.admin.library import Author, Book, Tag


def test_a_change_is_kept_field_by_field_with_who_and_when_and_through_what(editor: House) -> None:
    """What was not changed is not in it."""
    before = datetime.now(UTC)
    editor.send("/books/edit?pk=1", {"title": "Omega", "price": "12.50", "isbn": "a"})
    [found] = changes(editor, "books")
    assert found.changes == {
        "title": ["Alpha", "Omega"],
        "price": [{"$": "decimal", "v": "9.90"}, {"$": "decimal", "v": "12.50"}],
    }
    ann = editor.events()[-1].actor
    assert (found.actor, found.through, found.action) == (ann, "admin", "change")
    assert (found.resource, found.record_key, found.label) == ("books", "1", "Omega")
    assert before <= found.at <= datetime.now(UTC)
    assert found.undoes is None


def test_a_record_that_is_added_is_kept_whole(editor: House) -> None:
    """With what the model and the database gave it."""
    editor.send("/books/add", {"title": "New", "isbn": "n", "author_id": "2", "price": "1"})
    found = last(editor, "books")
    assert (found.action, found.record_key) == ("add", "4")
    assert found.changes["title"] == [None, "New"]
    assert found.changes["author_id"] == [None, 2]
    assert found.changes["in_print"][0] is None
    assert "published" not in found.changes


def test_a_record_that_is_deleted_is_kept_whole(editor: House) -> None:
    """Under the name that it had."""
    editor.send("/books/action", {"name": "delete", "pks": "2"})
    found = last(editor, "books")
    assert (found.action, found.record_key, found.label) == ("delete", "2", "Beta")
    assert found.changes["isbn"] == ["b", None]
    assert found.changes["status"] == [{"$": "enum", "v": "draft"}, None]


def test_what_a_relation_refers_to_is_kept_as_keys(editor: House) -> None:
    """From which to which."""
    pairs = []
    for chosen in (["new", "old"], ["old"], []):
        editor.send("/books/edit?pk=1", {"tags": chosen, "tags.sent": "1"})
        pairs.append(last(editor, "books").changes)
    both, one = ({"$": "list", "v": each} for each in (["new", "old"], ["old"]))
    assert pairs == [{"tags": [None, both]}, {"tags": [both, one]}, {"tags": [one, None]}]


def test_what_makes_no_difference_is_not_told(editor: House) -> None:
    """Nor is what was refused."""
    editor.send("/books/edit?pk=1", {"title": "Alpha"})
    editor.send("/books/edit?pk=1", {"title": "x" * 99})
    editor.send("/books/edit?pk=1", {"isbn": "b"})
    editor.send("/authors/action", {"name": "delete", "pks": "1"})
    assert changes(editor, "books") == changes(editor, "authors") == []


def test_a_secret_is_told_of_without_its_value(editor: House) -> None:
    """Whatever has written it."""
    editor.send("/authors/add", {"name": "Eve"})
    found = last(editor, "authors")
    assert found.changes["password_hash"] == [None, {"$": "hidden"}]
    assert "never-shown" not in str(found.changes)


def test_the_history_is_of_the_transaction(editor: House) -> None:
    """What a listener refuses is neither done nor told."""

    @editor.auth.within(RecordEvent)
    async def refuse(event: RecordEvent, _: AsyncSession) -> None:
        if event.subject == "tag:never":
            raise Conflict("No.")

    editor.send("/tags/add", {"name": "never"})
    assert editor.get(Tag, "never") is None
    assert told(editor, "tags") == []
    editor.send("/tags/add", {"name": "once"})
    assert told(editor, "tags") == [("add", "once", {"name": [None, "once"]})]


def test_what_is_written_together_costs_one_look(stocked: House) -> None:
    """However many it are: one before the first is written, and one before the commit."""

    async def renamed(names: list[str]) -> list[str]:
        found: list[str] = []
        engine = stocked.services.database.engine.sync_engine
        async with stocked.services.database.session() as session:
            tags = [Tag(name=each) for each in names]
            session.add_all(tags)
            await session.commit()
            follow(session, actor="user:7", through="app")
            for each in tags:
                await session.delete(each)
            event.listen(engine, "before_cursor_execute", note := _note(found))
            await session.commit()
            event.remove(engine, "before_cursor_execute", note)
        return found

    few = stocked.call(renamed(["a", "b"]))
    many = stocked.call(renamed([f"tag {each}" for each in range(30)]))
    assert len(few) == len(many) > 1
    assert len(changes(stocked, "tags", "delete")) == 32


def _note(found: list[str]) -> Callable[..., None]:
    def note(*given: object) -> None:
        if str(given[2]).startswith("SELECT") and "library_" in str(given[2]):
            found.append(str(given[2]))

    return note


def test_several_are_told_of_one_by_one(editor: House) -> None:
    """Those that an action deletes at once."""
    editor.send("/books/action", {"name": "delete", "pks": ["1", "3"]})
    assert [each.record_key for each in changes(editor, "books")] == ["1", "3"]


class TestSessionsOfTheApp:
    async def change(self, house: House, *, actor: str = "") -> None:
        async with house.services.database.session() as session:
            if actor:
                follow(session, actor=actor, through="app")
            found = await session.get_one(Book, 1)
            found.title = "Changed"
            session.add(found)
            await session.commit()

    def test_nothing_is_told_of_them(self, stocked: House) -> None:
        """The app's own routes are as fast as they were."""
        stocked.call(self.change(stocked))
        assert book(stocked).title == "Changed"
        assert changes(stocked, "books") == []

    def test_one_that_asks_for_it_is_followed(self, stocked: House) -> None:
        """With whom it names."""
        stocked.call(self.change(stocked, actor="user:7"))
        found = last(stocked, "books")
        assert (found.actor, found.through) == ("user:7", "app")
        assert found.changes == {"title": ["Alpha", "Changed"]}

    def test_a_statement_is_told_of_row_by_row(self, stocked: House) -> None:
        """And a key that is changed as one record less, and another one more."""

        async def written() -> None:
            async with stocked.services.database.session() as session:
                follow(session, actor="user:7", through="app")
                cheaper = update(Book).where(col(Book.author_id) == 1).values(pages=Book.pages + 1)
                await session.exec(cheaper)
                tag = await session.get_one(Tag, "new")
                tag.name = "newer"
                session.add(tag)
                await session.commit()

        stocked.call(written())
        assert told(stocked, "books") == [
            ("change", "1", {"pages": [0, 1]}),
            ("change", "3", {"pages": [0, 1]}),
        ]
        assert sorted(told(stocked, "tags"), key=repr) == [
            ("add", "newer", {"name": [None, "newer"]}),
            ("delete", "new", {"name": ["new", None]}),
        ]

    def test_what_one_takes_back_by_itself_is_not_told(self, stocked: House) -> None:
        """Within its own transaction, by a savepoint or by writing it again."""

        async def undecided() -> None:
            async with stocked.services.database.session() as session:
                follow(session, actor="user:7", through="app")
                found = await session.get_one(Book, 1)
                async with session.begin_nested() as tried:
                    found.title = "Tried"
                    await session.flush()
                    await tried.rollback()
                await session.refresh(found)
                for title in ("Other", "Alpha"):
                    found.title = title
                    await session.flush()
                session.add(Author(name="Kept"))
                await session.commit()

        stocked.call(undecided())
        assert [each.resource for each in changes(stocked)] == ["authors"]
