"""Paging by key: every record once, in both directions, by any order, on both databases."""

import base64
import json
import random
import re
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from sqlalchemy import text

from tests.admin.conftest import House
from tests.admin.library import Author, Book, Copy, Status, Tag

SIZE = 10
BOOKS = 47


def link(page: str, relation: str) -> str | None:
    """The address of the next or previous page, below the admin."""
    found = re.search(rf'<a href="/admin([^"]+)" rel="{relation}"', page)
    return unescape(found[1]) if found else None


def last_link(page: str) -> str:
    found = re.search(r'<a href="/admin([^"]+)">Last</a>', page)
    assert found is not None
    return unescape(found[1])


def keys(page: str) -> list[str]:
    """The records of the page, in its order."""
    return [unescape(each) for each in re.findall(r'class="record" href="[^"]*\?pk=([^"]+)"', page)]


def walked(house: House, path: str | None, relation: str = "next") -> list[list[str]]:
    """The keys of each page from there on."""
    pages: list[list[str]] = []
    while path is not None:
        answer = house.open(path)
        assert answer.status_code == 200, answer.text
        pages.append(keys(answer.text))
        path = link(answer.text, relation)
        assert len(pages) < BOOKS
    return pages


@pytest.fixture
def shelf(house: House) -> House:
    """Books with many equal values, some of them NULL, and somebody who sees them."""
    chance = random.Random(7)
    house.add(*(Author(name=f"Author {number}") for number in range(3)))
    house.add(
        *(
            Book(
                title=chance.choice(["Ä", "a", "B", "b c", "", "z" * 60]),
                isbn=f"{number}",
                author_id=chance.randint(1, 3),
                editor_id=chance.choice([None, None, 1, 2]),
                price=Decimal(chance.randint(0, 300)) / 100,
                weight=chance.choice([0.1, 1 / 3, 2.5, 1e-9]),
                status=chance.choice(list(Status)),
                in_print=chance.random() > 0.5,
                published=chance.choice([None, date(2020, 1, 1), date(2021, 5, 5)]),
                summary=chance.choice(["", "x" * 2_000 + chance.choice("ab"), "short"]),
            )
            for number in range(BOOKS)
        )
    )
    house.signed_in("books:view", "authors:view", "tags:view", "copies:view")
    return house


ORDERS = [
    (),
    ("title__asc",),
    ("price__desc",),
    ("weight__asc",),
    ("added_at__desc",),
    ("published__asc",),
    ("published__desc",),
    ("editor_id__desc", "published__asc"),
    ("status__asc", "in_print__desc", "published__desc"),
    ("summary__asc",),
    ("summary__desc", "id__asc"),
]


def test_every_record_is_on_one_page_forwards_and_backwards(
    shelf: House, subtests: pytest.Subtests
) -> None:
    """Whatever it is sorted by: equal values, NULLs, floats, long texts, several columns."""
    for sorts in ORDERS:
        with subtests.test(str(sorts)):
            query = "".join(f"&sort={each}" for each in sorts)
            first = f"/books?page_size={SIZE}{query}"
            whole = keys(shelf.open(f"/books?page_size=100{query}").text)
            forwards = walked(shelf, first)
            assert [each for page in forwards for each in page] == whole
            assert len(whole) == BOOKS
            backwards = walked(shelf, last_link(shelf.open(first).text), "prev")
            assert [each for page in reversed(backwards[:-1]) for each in page] == whole[
                BOOKS % SIZE :
            ][-SIZE * (len(backwards) - 1) :]
            assert backwards[-1] == whole[:SIZE]


def test_a_page_back_is_the_page_that_one_came_from(shelf: House) -> None:
    first = shelf.open(f"/books?page_size={SIZE}").text
    second = shelf.open(link(first, "next") or "").text
    third = shelf.open(link(second, "next") or "").text
    assert keys(shelf.open(link(third, "prev") or "").text) == keys(second)
    assert keys(shelf.open(link(second, "prev") or "").text) == keys(first)
    assert link(first, "prev") is None
    assert "11 to 20 of 47" in second
    assert "38 to 47 of 47" in shelf.open(last_link(first)).text


def test_what_is_added_or_deleted_meanwhile_moves_nobody_else(shelf: House) -> None:
    """A page skipped by number would show a record twice, or leave one out."""
    first = shelf.open(f"/books?page_size={SIZE}&sort=id__asc").text
    shown = keys(first)
    delete(shelf, *shown)
    after = keys(shelf.open(link(first, "next") or "").text)
    assert after == [str(int(each) + SIZE) for each in shown]


def test_a_page_that_is_gone_is_the_last_one_there_is(shelf: House) -> None:
    """And before the first page there is the first page."""
    first = shelf.open("/books?page_size=25&sort=id__asc").text
    second = shelf.open(link(first, "next") or "").text
    delete(shelf, *keys(second))
    assert keys(shelf.open(link(first, "next") or "").text) == keys(first)
    delete(shelf, *keys(first)[:-2])
    assert len(keys(shelf.open(link(second, "prev") or "").text)) == 2


def test_keys_of_several_columns_and_of_text_are_paged_too(shelf: House) -> None:
    shelf.add(*(Copy(book_id=book, number=copy) for book in range(1, 6) for copy in range(5)))
    shelf.add(*(Tag(name=f"tag {number:02}") for number in range(25)))
    for path, count in (("copies", 25), ("tags", 25)):
        pages = walked(shelf, f"/{path}?page_size={SIZE}")
        assert [len(each) for each in pages] == [10, 10, 5]
        assert len({each for page in pages for each in page}) == count


def test_a_moment_that_the_database_wrote_is_a_place_as_well(shelf: House) -> None:
    """SQLite's own moments have no fraction; what Python makes of them has."""

    async def written() -> None:
        async with shelf.services.database.engine.begin() as connection:
            await connection.execute(text("UPDATE library_book SET added_at = CURRENT_TIMESTAMP"))
            await connection.execute(text("UPDATE library_book SET price = 0.125"))

    shelf.call(written())
    for column in ("added_at", "price"):
        pages = walked(shelf, f"/books?page_size={SIZE}&sort={column}__asc")
        assert sum(map(len, pages)) == BOOKS


def test_a_text_too_long_for_an_address_is_a_place_too(shelf: House) -> None:
    """The record is asked for it; all of them differ after that many letters alone."""
    books = shelf.all(Book)
    shelf.add(*(Book(**each.model_dump(exclude={"id"}) | long(each)) for each in books[:25]))
    for direction in ("asc", "desc"):
        pages = walked(shelf, f"/books?page_size={SIZE}&sort=summary__{direction}")
        assert len({each for page in pages for each in page}) == BOOKS + 25


def long(book: Book) -> dict[str, str]:
    return {"isbn": f"long{book.id}", "summary": "ü" * 20_000 + f"{book.id}"}


def token(*content: object) -> str:
    text = json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_place_that_is_none_is_refused_or_the_first_page(
    shelf: House, subtests: pytest.Subtests
) -> None:
    first = shelf.open(f"/books?page_size={SIZE}").text
    good = re.search(r"after=([\w-]+)", first)
    assert good is not None
    name, position, *values = json.loads(base64.urlsafe_b64decode(good[1] + "=="))
    places = [
        "x",
        "é",
        "last",
        "[" * 3_000,
        base64.urlsafe_b64encode(b"[" * 3_000).decode(),
        token(),
        token(0, 0),
        token(name, position),
        token(name, -1, *values),
        token(name, 10**30, *values),
        token(name, "1", *values),
        token(name, True, *values),
        token(name, None, *([None] * len(values))),
        token(name, 1, *(["\0"] * len(values))),
        token(name, 1, *(["\ud800"] * len(values))),
        token(name, 1, *([10**30] * len(values))),
        token(name, 1, *([{"hex": "zz"}] * len(values))),
        token(name, 1, *([{"of": "record"}] * len(values))),
        token(name, 1, *([[1]] * len(values))),
        token(name, 1, *(["abc"] * len(values))),
    ]
    for place in places:
        for parameter in ("after", "before"):
            with subtests.test(f"{parameter}={place[:40]}"):
                answer = shelf.open(f"/books?page_size={SIZE}&{parameter}={place}")
                assert answer.status_code in (200, 400)
    for other in ("sort=price__desc", "sort=isbn__asc"):
        answer = shelf.open(f"/books?page_size={SIZE}&{other}&after={good[1]}")
        assert keys(answer.text) == keys(shelf.open(f"/books?page_size={SIZE}&{other}").text)


def delete(house: House, *ids: str) -> None:
    async def deleted() -> None:
        async with house.services.database.session() as session:
            for each in ids:
                await session.delete(await session.get(Book, int(each)))
            await session.commit()

    house.call(deleted())
