"""How many statements a page takes: no more for more records."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import event

from backoffice.admin import Admin, AdminSettings, ModelAdmin
from backoffice.auth import Auth
from tests.admin.conftest import House, fields_of
from tests.admin.library import Author, Book, BookTag, Copy, Tag
from tests.auth.conftest import AppWithAccounts

#: Whose session it is, what they may do, and that of roles.
ACCESS = 3
FEW, MANY = 3, 60
#: Of what runs beside requests, and of what a page asks only if it was not asked lately.
BESIDE = (
    "backoffice_mail",
    "backoffice_jobs",
    "backoffice_imports",
    "backoffice_revocation",
    "SET last_seen_at",
    "INTO backoffice_daily_figures",
)
#: Held, three looks, a savepoint and its release, the change, history, three of the audit log.
SAVING = 11
BUDGETS = {
    "/books": ACCESS + 5,  # page, count, authors, tags: their keys and names
    "/books?sort=published__desc": ACCESS + 5,
    "/books?q=title&is.author_id=1": ACCESS + 6,  # and the author that is chosen
    "/books?before=last": ACCESS + 5,
    "/books/detail?pk=1": ACCESS + 9,  # record, tags, their names, authors, copies
    "/books/edit?pk=1": ACCESS + 10,  # record, tags, and for each reference what is chosen, others
    "/tags/detail?pk=t1": ACCESS + 3,
    "/authors/lookup?q=a": ACCESS + 1,
    "/authors/lookup": ACCESS + 1,
    "/search?q=a": ACCESS + 4,  # authors, books, tags, copies
    "/": ACCESS + 12,
}


class BookAdmin(ModelAdmin):
    model = Book
    list_display = ("title", "author", "editor_id", "tags")
    list_filter = ("author", "status", "tags")
    ordering = ("title",)


class Counting(House):
    """It counts one by one up to 50."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        settings = AdminSettings(count_limit=50)
        self.admin = Admin(self.auth, models=[Author, BookAdmin, Tag, Copy], settings=settings)
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")

    def statements(self, path: str) -> list[str]:
        """What a page asks of the database."""
        self.open(path)  # What is asked once, and kept, is asked now.
        return self.noted(lambda: self.open(path), 200)

    def saving(self, path: str, **typed: str) -> list[str]:
        """What saving a form asks of it."""
        form, token = fields_of(self.open(path).text), self.token()
        return self.noted(lambda: self.send(path, {**form, **typed}, token), 303)

    def noted(self, ask: Callable[[], Response], status: int) -> list[str]:
        """The statements of what is asked, and answered so."""
        found: list[str] = []

        def note(*given: object) -> None:
            text = str(given[2])
            if not any(each in text for each in BESIDE):
                found.append(text)

        engine = self.services.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            answer = ask()
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert answer.status_code == status, answer.text
        return found


@pytest.fixture(scope="session")
def counting() -> Counting:
    return Counting()


@pytest.fixture
def shelf(settings: None, counting: Counting) -> Iterator[Counting]:
    with counting:
        stock(counting, range(1, FEW + 1))
        counting.signed_in("books:*", "authors:*", "tags:*", "copies:*")
        yield counting


def stock(house: House, numbers: range) -> None:
    """As many books as authors and tags; each book has all tags, and copies."""
    house.add(*(Author(id=each, name=f"Author {each}") for each in numbers))
    house.add(*(Tag(name=f"t{each}") for each in numbers))
    house.add(
        *(
            Book(id=each, title=f"Title {each}", isbn=f"{each}", author_id=each, editor_id=each)
            for each in numbers
        )
    )
    house.add(*(BookTag(book_id=1, tag_name=f"t{each}") for each in numbers))
    house.add(*(BookTag(book_id=each, tag_name="t1") for each in numbers if each > 1))
    house.add(*(Copy(book_id=1, number=each) for each in numbers))


def test_more_records_take_no_more_statements(shelf: Counting, subtests: pytest.Subtests) -> None:
    """Of a list, a record, a form, a look-up, and the first page; each within its budget."""
    few = {path: shelf.statements(path) for path in BUDGETS}
    stock(shelf, range(FEW + 1, MANY + 1))
    for path, budget in BUDGETS.items():
        with subtests.test(path):
            many = shelf.statements(path)
            # More than a page: then the records are counted.
            assert len(many) <= len(few[path]) + 2, "\n".join(many)
            assert len(many) <= budget, "\n".join(many)


def test_saving_reads_a_record_once_before_and_twice_after(shelf: Counting) -> None:
    """When it is held; then as the database has made it, and as it will be committed."""
    shelf.saving("/authors/edit?pk=1", name="Another")
    asked = shelf.saving("/authors/edit?pk=1", name="One more")
    held = [each for each in asked if "FOR UPDATE" in each or each.startswith("BEGIN")]
    reads = [each for each in asked if "FROM library_author" in each and each not in held]
    assert len(held) == 1
    assert len(reads) == 3, "\n".join(asked)
    assert len(asked) <= ACCESS + SAVING, "\n".join(asked)


def test_no_page_skips_rows(shelf: Counting) -> None:
    """On SQLite each LIMIT is written with an OFFSET of 0."""
    if shelf.services.database.dialect == "sqlite":
        return
    stock(shelf, range(FEW + 1, MANY + 1))
    for path in BUDGETS:
        assert not [each for each in shelf.statements(path) if " OFFSET " in each.upper()]


def test_a_relation_is_never_loaded_whole(shelf: Counting) -> None:
    """A list shows the first of a relation, a form and a look-up as many as they tell."""
    names = [f"x{each:03}" for each in range(300)]
    shelf.add(*(Tag(name=each) for each in names))
    shelf.add(*(BookTag(book_id=2, tag_name=each) for each in names))
    page = shelf.open("/books?q=Title+2").text
    assert page.count("tags/detail") <= 20
    assert "and more" in page
    assert shelf.open("/books/detail?pk=2").text.count("tags/detail") == 20
    assert shelf.open("/books/edit?pk=1").text.count('<option value="x') <= 100
    answer = shelf.open("/tags/lookup?q=x").json()
    assert [each["key"] for each in answer["items"]] == names[:50]
    further = shelf.open(f"/tags/lookup?q=x&after={answer['next']}").json()
    assert [each["key"] for each in further["items"]] == names[50:100]


def test_many_are_told_as_an_estimate(shelf: Counting) -> None:
    """Nobody counts what is beyond the limit; what a page shows whole is exact."""
    stock(shelf, range(FEW + 1, MANY + 1))
    page = shelf.open("/books?page_size=100").text
    assert '<span class="count">60</span>' in page
    estimates = shelf.services.database.dialect == "postgresql"
    assert '<span class="count">50+</span>' in shelf.open("/books").text or estimates
    if estimates:
        analyze(shelf)
        assert '<span class="count">about 60</span>' in shelf.open("/books").text
        found = shelf.open("/books?q=Title").text
        assert '<span class="count">about ' in found or '<span class="count">50+</span>' in found
    assert '<span class="count">15</span>' in shelf.open("/books?q=Title+2&page_size=10").text


def analyze(house: House) -> None:
    async def analyzed() -> None:
        async with house.services.database.engine.connect() as connection:
            raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await raw.exec_driver_sql("ANALYZE library_book")

    house.call(analyzed())


def test_many_accounts_roles_and_keys_take_no_more(
    counting: Counting, settings: None, subtests: pytest.Subtests
) -> None:
    """Whether they are within reach is found out for all of them together."""
    with counting as house:
        bob, keys, roles = house.user("bob@example.com"), house.services.keys, house.services.roles
        house.signed_in("users:*", "roles:*", "api-keys:*", "books:*")
        chosen: dict[str, list[str]] = {"/users": [], "/roles": []}

        def add(number: int) -> None:
            chosen["/users"].append(str(house.user(f"u{number}@example.com").id))
            role = house.call(roles.create(f"r{number}", ["books:view"], actor="test"))
            chosen["/roles"].append(str(role.id))
            house.call(keys.create(bob, f"key {number}", actor="test"))

        def asked() -> dict[str, int]:
            pages = {
                page: f"{page}/action?name=delete&{'&'.join(f'pks={each}' for each in ids)}"
                for page, ids in chosen.items()
            } | {"/users/detail": f"/users/detail?pk={bob.id}", "/matrix": "/roles/matrix"}
            form = {"cell": [f"+ {each} books:change" for each in chosen["/roles"]], "told": "x"}
            token = house.token()
            found = {page: len(house.statements(path)) for page, path in pages.items()}
            saving = house.noted(lambda: house.send("/roles/matrix", form, token), 409)
            return found | {"save": len(saving)}

        add(1)
        few = asked()
        for number in range(2, 7):
            add(number)
        for page, many in asked().items():
            with subtests.test(page):
                assert many <= few[page]
