"""The choice of a look over HTTP: whose it is, what it takes, and where it leads back to."""

import re

import pytest

from backoffice.admin import Palette, Theme
from backoffice.admin.settings import AdminSettings
from backoffice.admin.theme import style
from tests.admin.conftest import ORIGIN, House
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: no database is asked for a look."""
    return sqlite_databases


def choose(house: House, **choice: str) -> str:
    """Send the form; where it leads."""
    data = {"csrf_token": house.token(), **choice}
    answer = house.client.post("/admin/look", data=data, headers=ORIGIN)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def page_of(house: House) -> str:
    """How the first page begins."""
    return house.open("/").text.partition("<head>")[0]


def test_what_was_chosen_is_in_every_page_before_any_script(editor: House) -> None:
    assert 'lang="en">' in page_of(editor)
    choose(editor, scheme="dark")
    choose(editor, density="compact")
    assert 'lang="en" data-look="dark" data-density="compact">' in page_of(editor)
    choose(editor, scheme="")
    assert 'lang="en" data-density="compact">' in page_of(editor)


def test_what_is_no_look_changes_nothing(editor: House) -> None:
    choose(editor, scheme="dark")
    choose(editor, scheme='"><script>', density="wide")
    assert 'lang="en" data-look="dark">' in page_of(editor)


def test_a_cookie_that_somebody_has_written_is_no_choice(editor: House) -> None:
    editor.client.cookies.set("backoffice_look", "light>.x.y", path="/admin")
    assert 'lang="en">' in page_of(editor)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("/admin/books?q=a", "/admin/books?q=a"),
        ("//evil.example/admin/", "/admin/"),
        ("https://evil.example/", "/admin/"),
        ("/admin/../auth", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_it_leads_back_to_a_page_of_the_admin(editor: House, wanted: str, found: str) -> None:
    assert choose(editor, scheme="light", next=wanted) == found


def test_it_takes_the_token_of_the_session(editor: House) -> None:
    answer = editor.client.post("/admin/look", data={"scheme": "dark"}, headers=ORIGIN)
    assert answer.status_code == 403
    assert "data-look" not in page_of(editor)


def test_headings_that_were_folded_stay_so_but_that_of_the_page(editor: House) -> None:
    editor.client.cookies.set("backoffice_folded", "Records%7CSystem", path="/admin")
    groups = re.findall(r"<details( open)? data-group=\"(\w+)\"", editor.open("/").text)
    assert {name for is_open, name in groups if not is_open} == {"Records", "System"}
    groups = re.findall(r"<details( open)? data-group=\"(\w+)\"", editor.open("/books").text)
    assert {name for is_open, name in groups if not is_open} == {"System"}


def test_colours_of_the_light_theme_are_not_those_of_the_dark_one() -> None:
    """A theme for one look leaves the other as it is, asked for by the system or chosen."""
    text = style(Theme(light=Palette(ground="#fafafa"), radius="2px"), AdminSettings())
    assert text.splitlines() == [
        ":root {",
        "  --radius: 2px;",
        "}",
        "@media (prefers-color-scheme: light) {",
        ":root:not([data-look]) {",
        "  --ground: #fafafa;",
        "}",
        "}",
        ':root[data-look="light"] {',
        "  --ground: #fafafa;",
        "}",
    ]


def test_a_page_that_was_refused_names_the_fields(editor: House) -> None:
    """At the top, each with a link to it, beside what is said at the field itself."""
    token = editor.token()
    text = editor.client.post("/admin/tags/add", data={"csrf_token": token}, headers=ORIGIN).text
    assert "Nothing was saved yet." in text
    assert '<a href="#name">Name</a>' in text


def test_a_page_of_a_record_asks_for_the_same_files_as_a_list(editor: House) -> None:
    """Named by what is in them, so that a browser has them already."""
    pages = [editor.open(path).text for path in ("/books", "/books/edit?pk=1")]
    found = [re.findall(r"static/(?:admin|tables)\.css\?v=[0-9a-f]{12}\"", each) for each in pages]
    assert found[0] == found[1] != []
