"""`list_filter`: a form above the list, by what is asked for often; it needs no scripts."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi import FastAPI

from backoffice.admin import Admin, ModelAdmin
from backoffice.admin.list_filters import LastMonth, Past30Days, Yesterday
from backoffice.auth import Auth
from tests.admin.conftest import House, titles
from tests.admin.library import Author, Book, BookTag, Status, Tag
from tests.auth.conftest import AppWithAccounts

TODAY = datetime.now(UTC).date()


class BookAdmin(ModelAdmin):
    model = Book
    list_display = ("title",)
    list_filter = (
        "status",
        "in_print",
        "published",
        "added_at",
        "author",
        "editor_id",
        "tags",
        "isbn",
        "price",
    )


class Filtered(House):
    """With a page that offers facets."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Author, BookAdmin, Tag])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


@pytest.fixture(scope="session")
def filtered() -> Filtered:
    return Filtered()


@pytest.fixture
def shelf(settings: None, filtered: Filtered) -> Iterator[Filtered]:
    """Three books that differ in what there is to filter by."""
    with filtered:
        filtered.add(Author(name="Ada"), Author(name="Grace"), Tag(name="new"), Tag(name="a, b"))
        filtered.add(
            Book(title="Alpha", isbn="a", author_id=1, published=TODAY, tags=[]),
            Book(
                title="Beta",
                isbn="b",
                author_id=2,
                editor_id=1,
                status=Status.out,
                in_print=False,
                published=date(2001, 2, 3),
                added_at=datetime(2001, 2, 3, 23, 59, tzinfo=UTC),
            ),
            Book(title="Gamma", isbn="c c", author_id=1, added_at=datetime(2001, 2, 4, tzinfo=UTC)),
        )
        filtered.add(BookTag(book_id=1, tag_name="new"), BookTag(book_id=3, tag_name="a, b"))
        yield filtered


TWO_DAYS_AGO = (TODAY - timedelta(days=2)).isoformat()
FACETS = [
    ({}, ["Alpha", "Beta", "Gamma"]),
    ({"is.status": ""}, ["Alpha", "Beta", "Gamma"]),
    ({"is.status": "is out"}, ["Beta"]),
    ({"is.in_print": "yes"}, ["Alpha", "Gamma"]),
    ({"is.in_print": "no"}, ["Beta"]),
    ({"is.published": "today"}, ["Alpha"]),
    ({"is.published": "past_7_days"}, ["Alpha"]),
    ({"is.published": "this_month"}, ["Alpha"]),
    ({"is.published": "past_30_days"}, ["Alpha"]),
    ({"is.published": "last_month"}, []),
    ({"is.published": "yesterday"}, []),
    ({"is.published": "__none__"}, ["Gamma"]),
    ({"since.published": TWO_DAYS_AGO}, ["Alpha"]),
    ({"until.published": "2001-02-03"}, ["Beta"]),
    ({"until.published": "2001-02-02"}, []),
    ({"is.added_at": "this_year"}, ["Alpha"]),
    ({"since.added_at": "2001-02-03", "until.added_at": "2001-02-03"}, ["Beta"]),
    ({"since.added_at": "2001-02-04", "until.added_at": "2001-02-04"}, ["Gamma"]),
    ({"is.author_id": "1"}, ["Alpha", "Gamma"]),
    ({"is.editor_id": "1"}, ["Beta"]),
    ({"is.editor_id": "__none__"}, ["Alpha", "Gamma"]),
    ({"is.tags": "new"}, ["Alpha"]),
    ({"is.tags": "a, b"}, ["Gamma"]),
    ({"is.tags": "__none__"}, ["Beta"]),
    ({"is.isbn": "c c"}, ["Gamma"]),
    ({"is.author_id": "1", "is.status": "is out"}, []),
    ({"is.author_id": "1", "filter": 'title__startswith="A" OR title__eq="Beta"'}, ["Alpha"]),
    ({"is.author_id": "1", "q": "gam"}, ["Gamma"]),
    ({"is.price": "9.90", "q": "gam"}, ["Gamma"]),
    ({"filter": 'published__within="9999"'}, []),
]


def test_a_facet_finds_what_it_says(shelf: Filtered, subtests: pytest.Subtests) -> None:
    """By each kind of field, together with the builder and a search; an export takes it along."""
    shelf.signed_in("books:*", "authors:view", "tags:view")
    for query, found in FACETS:
        with subtests.test(str(query)):
            answer = shelf.client.get("/admin/books", params=query)
            assert answer.status_code == 200, answer.text
            table = answer.text.partition("<tbody>")[2]
            assert titles(table) == found
            exported = shelf.client.get("/admin/books/export", params=query).text
            assert [each for each in ("Alpha", "Beta", "Gamma") if each in exported] == found


WRONG = [
    ({"is.status": "x"}, 400),
    ({"is.in_print": "x"}, 400),
    ({"is.published": "tomorrow"}, 400),
    ({"since.published": "x"}, 400),
    ({"until.published": "9999-12-31"}, 400),
    ({"since.added_at": "2001-02-30"}, 400),
    ({"since.status": "2001-02-03"}, 400),
    ({"is.author_id": "x"}, 400),
    ({"is.author_id": "9" * 40}, 400),
    ({"is.price": "cheap"}, 400),
    ({"is.tags": "\udcff"}, 200),
    ({"is.password": "x"}, 200),
    ({"find.author_id": "%" * 200}, 200),
]


def test_a_facet_of_what_is_no_value_is_refused(shelf: Filtered, subtests: pytest.Subtests) -> None:
    shelf.signed_in("books:*", "authors:view", "tags:view")
    for query, status in WRONG:
        with subtests.test(str(query)):
            text = "&".join(f"{name}={value}" for name, value in query.items())
            sent = text.encode("utf-8", "surrogateescape").decode("latin-1")
            answer = shelf.client.get(f"/admin/books?{sent}")
            assert answer.status_code == status


def test_what_is_chosen_is_told_and_can_be_taken_out(shelf: Filtered) -> None:
    """It stands in the form, and as a condition of its own."""
    shelf.signed_in("books:*", "authors:view", "tags:view")
    page = shelf.open("/books?is.author_id=2&is.status=is+out&q=b").text
    assert '<option value="2" selected>Grace</option>' in page
    assert "Author: Grace" in page
    assert 'href="/admin/books?is.status=is+out&amp;q=b"' in page
    assert "is.author_id=2" in page.partition("export?")[2].partition('"')[0]


def test_references_are_found_without_scripts_and_never_loaded_whole(shelf: Filtered) -> None:
    """What is chosen, and what was asked for."""
    shelf.signed_in("books:*", "authors:view", "tags:view")
    assert "Grace" not in shelf.open("/books?is.author_id=1").text
    assert ">Grace</option>" in shelf.open("/books?is.author_id=1&find.author_id=gra").text


def test_what_may_not_be_seen_is_no_facet(shelf: Filtered) -> None:
    """Authors are nobody's business here: neither their names nor who wrote what."""
    shelf.signed_in("books:view")
    page = shelf.open("/books?is.author_id=1").text
    assert '<select id="is-author_id"' not in page
    assert titles(page.partition("<tbody>")[2]) == ["Alpha", "Beta", "Gamma"]


def test_a_period_has_its_first_day_and_ends_before_another() -> None:
    """Over the ends of months and years."""
    assert Yesterday.period(date(2026, 3, 1)) == (date(2026, 2, 28), date(2026, 3, 1))
    assert LastMonth.period(date(2026, 1, 15)) == (date(2025, 12, 1), date(2026, 1, 1))
    assert Past30Days.period(date(2026, 3, 1)) == (date(2026, 1, 31), date(2026, 3, 2))
