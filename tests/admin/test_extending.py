"""Models that are found, colours and templates of the app's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backoffice.admin import Admin, AdminSettings, ModelAdmin, Palette, Theme
from backoffice.auth import Auth
from backoffice.core import SetupError
from tests.admin.conftest import House
from tests.admin.extended import Extended
from tests.admin.library import Author, Book, Library


class Found(SQLModel, registry=registry()):
    """A metadata of its own."""


class Vault(Found, table=True):
    id: int | None = Field(default=None, primary_key=True)
    password_hash: str = ""
    api_token: str = ""


class Left(Found, table=True):
    id: int | None = Field(default=None, primary_key=True)


def resources(admin: Admin) -> list[str]:
    return [each.resource for each in admin.site.records()]


def test_all_tables_are_found_but_those_that_only_link_others() -> None:
    own = {"authors", "books", "copies", "tags"}
    found = resources(Admin(Auth(), autodiscover=Library))
    assert own <= set(found)
    assert "book-tags" not in found


def test_what_is_found_is_refined_by_what_is_given() -> None:
    class Page(ModelAdmin):
        model = Book
        resource = "volumes"

    found = resources(Admin(Auth(), models=[Page], autodiscover=Library))
    assert found[0] == "volumes"
    assert "books" not in found


def test_a_table_may_be_left_out_and_one_of_secrets_is_not_found() -> None:
    assert "lefts" in resources(Admin(Auth(), autodiscover=Found))
    found = resources(Admin(Auth(), autodiscover=Found, exclude=[Left]))
    assert {"lefts", "vaults"}.isdisjoint(found)
    assert "users" in found


def test_the_tables_of_this_suite_have_their_own_pages_alone() -> None:
    classes: list[type[SQLModel]] = [each.class_ for each in SQLModel._sa_registry.mappers]
    # Models of other tests, of which several may have one name.
    others = [each for each in classes if not each.__module__.startswith("backoffice.")]
    found = resources(Admin(Auth(), autodiscover=True, exclude=others))
    assert len(found) == len(set(found))
    assert found.count("users") == 1


def test_no_more_is_found_than_was_asked_for() -> None:
    assert resources(Admin(Auth(), models=[Author]))[0] == "authors"
    assert "books" not in resources(Admin(Auth(), models=[Author]))


Make = Callable[[Callable[[Auth], Admin]], House]


@pytest.fixture
def make(settings: None) -> Iterator[Make]:
    running: list[House] = []

    def made(admin: Callable[[Auth], Admin]) -> House:
        house = Extended(admin)
        house.__enter__()
        running.append(house)
        return house

    yield made
    for each in running:
        each.__exit__(None, None, None)


def test_a_theme_is_a_style_of_this_host(make: Make) -> None:
    theme = Theme(light=Palette(accent="#5b3a8c", ink="black"), radius="3px")
    house = make(lambda auth: Admin(auth, theme=theme))
    page = house.open("/login").text
    address = page.partition('href="/admin/static/theme.css')[2].partition('"')[0]
    answer = house.open(f"/static/theme.css{address}")
    assert answer.headers["content-type"].startswith("text/css")
    assert "--accent: #5b3a8c;" in answer.text
    assert "--accent-ink: #ffffff;" in answer.text
    assert "--ink: black;" in answer.text
    assert "--radius: 3px;" in answer.text


def test_settings_come_before_the_theme(make: Make) -> None:
    theme = Theme(light=Palette(accent="#5b3a8c"))
    settings = AdminSettings(accent="#7a1f1f", accent_dark="#ffb0a0")
    house = make(lambda auth: Admin(auth, settings=settings, theme=theme))
    text = house.open("/static/theme.css").text
    assert "#5b3a8c" not in text
    assert "--accent: #7a1f1f;" in text
    assert "--accent-ink: #10201c;" in text.partition("dark")[2]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: Palette(accent="purple"), "takes a colour such as"),
        (lambda: Palette(ink="red; } body { display: none"), "one variable of CSS"),
        (lambda: Palette(ground="url(https://evil.example/x)"), "one variable of CSS"),
        (lambda: Theme(font="Inter; x: y"), "one variable of CSS"),
        (lambda: Theme(light=Palette(accent="#c3a6ee")), "could not be read on #ffffff"),
        (lambda: Theme(dark=Palette(accent="#202020")), "could not be read on #1b2220"),
    ],
    ids=["name", "rule", "address", "font", "light", "dark"],
)
def test_a_theme_that_cannot_be_is_refused(made: Callable[[], object], told: str) -> None:
    with pytest.raises(SetupError, match=told):
        made()


def test_a_template_of_the_app_comes_before_ours(make: Make, tmp_path: Path) -> None:
    (tmp_path / "home.html").write_text(
        '{% extends "backoffice/home.html" %}{% block before %}Closed on Sunday{% endblock %}'
    )
    (tmp_path / "authors").mkdir()
    (tmp_path / "authors" / "list.html").write_text(
        '{% extends "backoffice/list.html" %}{% block after %}<p>All of them</p>{% endblock %}'
    )
    house = make(lambda auth: Admin(auth, models=[Author, Book], templates=tmp_path))
    house.signed_in("authors:view", "books:view")
    home = house.open("/").text
    assert "Closed on Sunday" in home
    assert "<h1>Home</h1>" in home
    assert "All of them" in house.open("/authors").text
    assert "All of them" not in house.open("/books").text


def test_a_folder_of_templates_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="there is no folder"):
        Admin(Auth(), templates=tmp_path / "nowhere")
