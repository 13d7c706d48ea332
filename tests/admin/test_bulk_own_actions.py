"""Bulk jobs of actions that an app has made itself."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import update

from backoffice.admin import ActionContext, Admin, action
from backoffice.admin.jobs.models import BulkJob
from backoffice.auth import Auth, UserSession
from backoffice.core import Conflict
from tests.admin.background import ended, start
from tests.admin.conftest import BookAdmin, House
from tests.admin.library import Author, Book, Tag
from tests.auth.conftest import PASSWORD, AppWithAccounts

FIXED = 9.0
BOOKS = 300


@action("Add a page", verb="lengthen")
async def lengthen(books: Sequence[Book], _: ActionContext) -> None:
    """Twice would show."""
    for book in books:
        if book.weight == FIXED:
            raise Conflict(f"{book.title} is fixed.")
        book.pages += 1


@action("Take out of print", verb="lengthen", dangerous=True)
async def retire(books: Sequence[Book], _: ActionContext) -> None:
    for book in books:
        book.in_print = False


class Shelf(BookAdmin):
    actions = (lengthen, retire)


class Shop(House):
    """The library, with actions."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Author, Shelf, Tag])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


@pytest.fixture
def shop(settings: None) -> Iterator[Shop]:
    with Shop() as found:
        found.add(Author(name="Ada"))
        found.add(
            *(
                Book(
                    title=f"Book {number:03}",
                    isbn=f"i{number}",
                    author_id=1,
                    weight=FIXED if number % 100 == 7 else 1.0,
                )
                for number in range(BOOKS)
            )
        )
        yield found


def test_an_action_is_done_once_to_each_record_that_it_does_not_refuse(shop: Shop) -> None:
    """One that refuses a record takes back the step; its other records are done by themselves."""
    shop.signed_in("books:view", "books:lengthen")
    job = ended(shop, start(shop, "lengthen", "books"))
    assert (job.state, job.done, job.failed, job.total) == ("done", BOOKS - 3, 3, BOOKS)
    assert {(each.weight == FIXED, each.pages) for each in shop.all(Book)} == {
        (True, 0),
        (False, 1),
    }
    assert [reason for _, _, reason in job.failures] == [
        f"Book {number:03} is fixed." for number in (7, 107, 207)
    ]
    changed = [each for each in shop.events() if each.event == "admin.record_changed"]
    assert len(changed) == len({each.subject for each in changed}) == BOOKS - 3


def test_an_action_whose_filter_it_changes_leaves_nothing_out(shop: Shop) -> None:
    """What is done leaves the list; the job goes by keys and not by pages."""
    shop.signed_in("books:view", "books:lengthen")
    job = ended(shop, start(shop, "retire", "books", query="filter=in_print__is_true"))
    assert (job.state, job.done) == ("done", BOOKS)
    assert not any(each.in_print for each in shop.all(Book))


def test_a_job_needs_the_permission_of_its_action(shop: Shop) -> None:
    """To change books is another one."""
    shop.signed_in("books:view", "books:change", "books:delete")
    form = {"name": "lengthen", "all": "1", "query": ""}
    assert shop.open("/books/action?name=lengthen&all=1").status_code == 403
    assert shop.send("/books/action", form).status_code == 403
    assert shop.all(BulkJob) == []
    assert not any(each.pages for each in shop.all(Book))


def test_a_dangerous_action_asks_for_the_password_first(shop: Shop) -> None:
    """Of whoever signed in a while ago; what they confirm it by is kept nowhere."""
    shop.signed_in("books:view", "books:lengthen")
    shop.call(_aged(shop))
    form = {"name": "retire", "all": "1", "query": "q=Book+00"}
    asked = shop.send("/books/action", form)
    assert asked.status_code in (401, 403)
    assert "confirm_password" in asked.text
    assert shop.all(BulkJob) == []
    number = start(shop, "retire", "books", "q=Book+00", confirm_password=PASSWORD)
    job = ended(shop, number)
    assert (job.query, job.done) == ("q=Book+00", 12)  # 100 and 200 as well


async def _aged(shop: Shop) -> None:
    hour_ago = shop.services.clock.now() - timedelta(hours=1)
    async with shop.services.database.session() as session:
        await session.exec(update(UserSession).values(created_at=hour_ago, proved_at=hour_ago))
        await session.commit()
