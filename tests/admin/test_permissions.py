"""What somebody may not do is not shown, and is refused when it is asked for by hand."""

import pytest

from tests.admin.conftest import EVERY_VERB, House, fields_of
from tests.admin.library import Author, Book

BOOK = {"title": "New", "isbn": "n", "author_id": "1", "status": "is out"}
#: What each verb opens: method, path, form.
PAGES: dict[str, list[tuple[str, str, dict[str, str]]]] = {
    "add": [("GET", "/books/add", {}), ("POST", "/books/add", BOOK)],
    "change": [("GET", "/books/edit?pk=1", {}), ("POST", "/books/edit?pk=1", {"title": "Other"})],
    "delete": [
        ("GET", "/books/action?name=delete&pks=1", {}),
        ("POST", "/books/action", {"name": "delete", "pks": "1"}),
    ],
    "export": [("GET", "/books/export", {}), ("GET", "/books/export?format=json", {})],
}
LINKS = {
    "add": "/admin/books/add",
    "change": "/admin/books/edit?pk=",
    "delete": "/admin/books/action",
    "export": "/admin/books/export",
}


@pytest.mark.parametrize("verb", PAGES)
def test_each_verb_opens_its_own_pages_and_no_other(stocked: House, verb: str) -> None:
    """For hand-made requests too."""
    stocked.signed_in("books:view", "authors:view", f"books:{verb}")
    for other, requests in PAGES.items():
        for method, path, form in requests:
            answer = stocked.open(path) if method == "GET" else stocked.send(path, form)
            allowed = answer.status_code in (200, 303)
            assert allowed == (other == verb), (verb, path, answer.status_code)
            assert allowed or answer.status_code == 403


def test_viewing_alone_changes_nothing(stocked: House) -> None:
    """Whatever is sent."""
    stocked.signed_in("books:view", "authors:view")
    before = stocked.all(Book)
    for requests in PAGES.values():
        for method, path, form in requests:
            if method == "POST":
                assert stocked.send(path, form).status_code == 403
    assert stocked.all(Book) == before


@pytest.mark.parametrize("verb", PAGES)
def test_without_viewing_no_other_verb_opens_anything(stocked: House, verb: str) -> None:
    """`view` is the door to all of them."""
    stocked.signed_in(f"books:{verb}", "authors:view")
    for method, path, form in PAGES[verb]:
        answer = stocked.open(path) if method == "GET" else stocked.send(path, form)
        assert answer.status_code == 403


@pytest.mark.parametrize("verb", PAGES)
def test_pages_offer_only_what_may_be_done(stocked: House, verb: str) -> None:
    """Links and buttons of each verb are there for those who hold it."""
    stocked.signed_in("books:view", f"books:{verb}")
    shown = stocked.open("/books").text + stocked.open("/books/detail?pk=1").text
    for other, link in LINKS.items():
        assert (link in shown) == (other == verb), (verb, other)


def test_the_menu_and_the_home_page_name_only_what_may_be_seen(stocked: House) -> None:
    """A view that is not there gives nothing away."""
    stocked.signed_in("books:view", "users:view")
    page = stocked.open("/").text
    assert "/admin/books" in page
    assert "/admin/users" in page
    for resource in ("authors", "roles", "api-keys", "sessions", "audit"):
        assert f"/admin/{resource}" not in page


def test_a_pattern_opens_every_verb(stocked: House) -> None:
    """`books:*`."""
    stocked.signed_in("books:*", "authors:view")
    for requests in PAGES.values():
        for method, path, form in requests:
            answer = stocked.open(path) if method == "GET" else stocked.send(path, form)
            assert answer.status_code in (200, 303), path


def test_records_of_a_hidden_view_are_not_named(stocked: House) -> None:
    """A reference to one shows its key alone; no page links to it."""
    stocked.signed_in("books:view")
    shown = stocked.open("/books").text + stocked.open("/books/detail?pk=1").text
    assert "Ada" not in shown
    assert "/admin/authors" not in shown
    assert "#1" in shown


def test_a_lookup_needs_the_permission_of_what_is_looked_up(stocked: House) -> None:
    """And gives keys and names alone: no column leaves by this way."""
    stocked.signed_in("books:view", "books:change")
    assert stocked.open("/authors/lookup?q=a").status_code == 403
    stocked.signed_in("authors:view", email="bob@example.com")
    answer = stocked.open("/authors/lookup?q=ad").json()
    assert answer == {"items": [{"key": "1", "label": "Ada"}], "more": False, "next": None}


def test_a_reference_cannot_be_set_to_what_may_not_be_seen(stocked: House) -> None:
    """The field is not in the form; sent by hand it is not read."""
    stocked.signed_in("books:view", "books:change")
    form = fields_of(stocked.open("/books/edit?pk=1").text)
    assert "author_id" not in form
    answer = stocked.send("/books/edit?pk=1", {**form, "author_id": "2", "tags.sent": "1"})
    assert answer.status_code == 303
    book = stocked.get(Book, 1)
    assert book is not None
    assert book.author_id == 1


def test_every_form_needs_the_token_of_its_session(stocked: House) -> None:
    """Not somebody else's, not none: and nothing is changed."""
    stocked.signed_in("books:*", "authors:*")
    others = stocked.token()
    stocked.client.cookies.clear()
    stocked.signed_in("books:*", "authors:*", email="bob@example.com")
    for token in ("", others, "x" * 64, "é"):
        for requests in PAGES.values():
            for method, path, form in requests:
                if method == "POST":
                    assert stocked.send(path, form, token=token).status_code == 403
    assert len(stocked.all(Book)) == 3


def test_a_change_from_another_site_is_refused(stocked: House) -> None:
    """Even with the right token."""
    stocked.signed_in("books:*", "authors:*")
    form = {"csrf_token": stocked.token(), "name": "delete", "pks": "1"}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
        answer = stocked.client.post("/admin/books/action", data=form, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["detail"]["code"] == "csrf_failed"
    assert stocked.get(Book, 1) is not None


def test_every_resource_of_the_site_has_its_five_verbs(house: House) -> None:
    """So that roles can be written from the page's address."""
    house.signed_in(superuser=True)
    principal = house.open("/").text
    for view in house.admin.site._model_views:
        assert f"/admin/{view.key}" in principal
        for verb in EVERY_VERB:
            house.call(
                house.services.roles.create(f"{view.key} {verb}", [f"{view.key}:{verb}"], actor="t")
            )


def test_a_role_taken_away_is_gone_with_the_next_request(stocked: House) -> None:
    """Permissions are those in force now."""
    user = stocked.signed_in("books:view")
    assert stocked.open("/books").status_code == 200
    name = "role of ann"
    stocked.call(stocked.services.roles.revoke(user.id, name, actor="test"))
    assert stocked.open("/books").status_code == 403


def test_deleting_by_hand_needs_every_record_to_be_there(stocked: House) -> None:
    """None is deleted when one of them is not."""
    stocked.signed_in("books:*")
    answer = stocked.send("/books/action", {"name": "delete", "pks": ["1", "99"]})
    assert answer.status_code == 404
    assert stocked.get(Book, 1) is not None
    assert len(stocked.all(Author)) == 2
