"""Chips: what a list is searched and filtered by, in words, and each with its own way off."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.admin.conftest import titles
from tests.admin.library import Author, Book
from tests.admin.test_list_filters import Filtered
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what is filtered is tested elsewhere, on both."""
    return sqlite_databases


@pytest.fixture
def shelf(settings: None) -> Iterator[Filtered]:
    with Filtered() as found:
        found.add(Author(name="Ada"), Author(name="Grace"))
        found.add(Book(title="Alpha", isbn="a", author_id=1))
        yield found


def chips(house: Filtered, **query: str) -> dict[str, str]:
    """What each says, to the address of the list without it."""
    page = house.open(f"/books?{urlencode(query)}").text
    told = page.partition('class="chips"')[2].partition('class="quiet"')[0]
    found = re.findall(r'<a href="([^"]*)"[^>]*>(.*?)<svg', told, re.DOTALL)
    return {unescape(text).strip(): unescape(url) for url, text in found}


WORDS = [
    ('price__gt="5"', "Price: more than 5"),
    ('price__between="1".."5"', "Price: from 1 to 5"),
    ('title__contains="a b"', "Title: contains a b"),
    ('author_id__eq="1"', "Author: Ada"),
    ('author_id__neq="2"', "Author: not Grace"),
    ('author_id__eq="99"', "Author: 99"),
    ('status__in="is a draft","is out"', "Status: one of draft, out"),
    ("published__is_null", "Published: empty"),
    ("published__last_month", "Published: last month"),
    ("published__yesterday", "Published: yesterday"),
    ("added_at__past_30_days", "Added at: the past 30 days"),
    ('published__since="2026-01-02"', "Published: from 2026-01-02"),
]
GROUPED = 'author_id__eq="1" OR (title__eq="x" AND price__lt="2")'


def test_conditions_are_told_in_words(shelf: Filtered, subtests: pytest.Subtests) -> None:
    """Records by their names, for those who may see them."""
    shelf.signed_in("books:view", "authors:view")
    for text, words in WORDS:
        with subtests.test(text):
            assert list(chips(shelf, filter=text)) == [words]
    either = list(chips(shelf, filter=GROUPED))
    assert either == ["Author: Ada or (Title: x and Price: less than 2)"]
    shelf.signed_in("books:view", email="bob@example.com")
    assert list(chips(shelf, filter='author_id__eq="1"')) == ["Author: 1"]


def test_each_goes_alone(shelf: Filtered) -> None:
    """The search, each condition, and what is chosen of the facets."""
    shelf.signed_in("books:view", "authors:view")
    query = {
        "q": "alp",
        "filter": 'price__gt="5" AND author_id__eq="1"',
        "is.in_print": "yes",
        "sort": "title__asc",
    }
    found = chips(shelf, **query)
    assert list(found) == ["Search: alp", "Price: more than 5", "Author: Ada", "In print: Yes"]
    for label, url in found.items():
        page = shelf.client.get(url)
        assert page.status_code == 200
        assert titles(page.text.partition("<tbody>")[2]) == ["Alpha"]
        left = chips(shelf, **dict(_pairs(url)))
        assert list(left) == [each for each in found if each != label]
        assert "sort=title__asc" in url


def _pairs(url: str) -> list[tuple[str, str]]:
    return parse_qsl(url.partition("?")[2])


def test_the_builder_finds_records_by_their_names(shelf: Filtered) -> None:
    """Where they may be seen; those that a condition names are there already."""
    shelf.signed_in("books:view", "authors:view")
    assert offered(shelf)["lookup"] == "/admin/authors/lookup"
    assert offered(shelf)["names"] == {"1": "Ada"}
    assert [each["label"] for each in offered(shelf)["filters"]][:2] == ["is", "is not"]
    shelf.signed_in("books:view", email="bob@example.com")
    assert "lookup" not in offered(shelf)


def offered(house: Filtered) -> dict[str, Any]:
    """What the builder knows of the author."""
    query = urlencode({"filter": 'author_id__eq="1"'})
    page = house.open(f"/books?{query}").text
    fields = json.loads(page.partition('type="application/json">')[2].partition("</script>")[0])
    found: dict[str, Any] = next(each for each in fields if each["name"] == "author_id")
    return found
