"""Lists of the app's own models: columns, searches, filters, pages."""

import pytest

from tests.admin.conftest import House, titles
from tests.admin.library import Tag


def test_a_list_shows_the_columns_that_were_asked_for(editor: House) -> None:
    """ModelAdmin.list_display, the author by name, in the order of ModelAdmin.ordering."""
    page = editor.open("/books").text
    assert "Alpha" in page
    assert ">Ada</a>" in page
    assert "ISBN" not in page.split("<thead>")[1].split("</thead>")[0]
    assert page.index("Alpha") < page.index("Beta") < page.index("Gamma")


def test_columns_that_look_like_secrets_are_nowhere(editor: House) -> None:
    """Not in lists, records, forms, exports, filters."""
    paths = ("/authors", "/authors/detail?pk=1", "/authors/edit?pk=1", "/authors/export")
    for path in (*paths, "/authors/export?format=json", "/authors/add"):
        page = editor.open(path).text
        assert "never-shown" not in page
        assert "password" not in page.lower()
        assert "secret" not in page.lower()
    assert editor.open('/authors?filter=password_hash__contains="n"').status_code == 400


SEARCHES = [
    ("alp", ["Alpha"]),
    ("ALPHA", ["Alpha"]),
    ("100%", ["Gamma"]),
    ("%", ["Gamma"]),
    ("_", []),
    ("gam 100", ["Gamma"]),
    ("alpha beta", []),
    ("never-shown", []),
]


def test_a_search_finds_each_word_in_the_text_fields(
    editor: House, subtests: pytest.Subtests
) -> None:
    """Without regard to case; a percent sign is a percent sign."""
    for text, found in SEARCHES:
        with subtests.test(text):
            answer = editor.client.get("/admin/books", params={"q": text})
            assert titles(answer.text) == found


FILTERS = [
    ("author_id__eq=2", ["Beta"]),
    ('title__contains="lph"', ["Alpha"]),
    ("weight__gt=1", ["Alpha"]),
    ("price__eq=9.90", ["Alpha", "Beta", "Gamma"]),
    ('status__eq="is a draft"', ["Alpha", "Beta", "Gamma"]),
    ('status__in="is out","is a draft"', ["Alpha", "Beta", "Gamma"]),
    ("in_print__is_true", ["Alpha", "Beta", "Gamma"]),
    ("published__is_null", ["Alpha", "Beta", "Gamma"]),
    ("editor_id__is_not_null", []),
    ('added_at__between="2000-01-01T00:00".."2999-01-01T00:00"', ["Alpha", "Beta", "Gamma"]),
    ('added_at__eq="2000-01-01T00:00"', []),
    ("added_at__in_past", ["Alpha", "Beta", "Gamma"]),
    ('published__between="2000-01-01".."2001-01-01"', []),
    ('title__eq="Alpha" OR title__eq="Beta"', ["Alpha", "Beta"]),
]


def test_a_filter_finds_what_it_says(editor: House, subtests: pytest.Subtests) -> None:
    """By each kind of column."""
    for condition, found in FILTERS:
        with subtests.test(condition):
            answer = editor.client.get("/admin/books", params={"filter": condition})
            assert answer.status_code == 200, answer.text
            assert titles(answer.text) == found


def test_a_filter_can_be_taken_out_again(editor: House) -> None:
    """Each condition is told in words, with the address of the list without it."""
    page = editor.open('/books?filter=title__eq="Alpha"&q=a').text
    assert 'href="/admin/books?q=a"' in page


def test_pages_of_a_list_hold_as_many_as_the_settings_say(house: House) -> None:
    """25 by default; the address may ask for another number."""
    house.add(*(Tag(name=f"tag {number:02}") for number in range(30)))
    house.signed_in("tags:view")
    assert house.open("/tags").text.count("/admin/tags/detail") == 25
    assert house.open("/tags?page_size=10").text.count("/admin/tags/detail") == 10


def test_a_list_is_sorted_by_any_column(editor: House) -> None:
    """Both ways; and never leaves two records undecided."""
    down = editor.open("/books?sort=title__desc").text
    assert down.index("Gamma") < down.index("Beta") < down.index("Alpha")
    same = editor.open("/books?sort=price__asc").text
    assert same.index("Alpha") < same.index("Beta") < same.index("Gamma")


def test_an_empty_list_says_how_to_fill_it(house: House) -> None:
    """And a search without a hit how to get back."""
    house.signed_in("tags:*")
    assert "Add the first" in house.open("/tags").text
    assert "Show all tags" in house.open("/tags?q=x").text
