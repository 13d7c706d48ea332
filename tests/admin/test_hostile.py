"""Whatever a client sends, the answer is no 500, and nothing is broken by it."""

from typing import Any

import pytest

from tests.admin.conftest import ORIGIN, House
from tests.admin.library import Author, Book, Tag

PARAMETERS: list[tuple[str, str]] = [
    ("page", "0"),
    ("page", "-1"),
    ("page", "abc"),
    ("page", str(10**20)),
    ("page", "9" * 5000),
    ("page", "1e5"),
    ("page_size", "0"),
    ("page_size", "-1"),
    ("page_size", "7"),
    ("page_size", str(10**20)),
    ("sort", "nothing__asc"),
    ("sort", "title__sideways"),
    ("sort", "__asc"),
    ("sort", "author__asc"),
    ("sort", "tags__asc"),
    ("sort", "extra__asc"),
    ("sort", "__class____asc"),
    ("sort", "metadata__desc"),
    ("cols", "nothing"),
    ("q", "\\"),
    ("q", "'"),
    ("q", '"; DROP TABLE library_book; --'),
    ("q", "x" * 7000),
    ("q", " ".join("x" * 500)),
    ("q", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")),
    ("q", "a\0b"),
    ("filter", "x"),
    ("filter", "("),
    ("filter", "(" * 50),
    ("filter", "title__eq"),
    ("filter", "title__nothing=1"),
    ("filter", "nothing__eq=1"),
    ("filter", "password_hash__eq=1"),
    ("filter", "author__eq=1"),
    ("filter", "tags__eq=1"),
    ("filter", "author_id__eq=abc"),
    ("filter", f"author_id__eq={10**30}"),
    ("filter", "id__eq=99999999999999999999"),
    ("filter", "id__gt=1e400"),
    ("filter", "id__eq=nan"),
    ("filter", "id__eq=1.5"),
    ("filter", "pages__between=1..2..3"),
    ("filter", f"pages__between={10**25}..{10**26}"),
    ("filter", "price__eq=inf"),
    ("filter", f"weight__gt={10**30}"),
    ("filter", "status__eq=gone"),
    ("filter", "status__in=a,b"),
    ("filter", "published__eq=yesterday"),
    ("filter", "published__eq=2024-02-30"),
    ("filter", "published__eq=-1-01-01"),
    ("filter", "added_at__eq=0001-01-01T00:00"),
    ("filter", "added_at__eq=9999-12-31T23:59:59"),
    ("filter", 'added_at__between="2024-01-01T00:00+23:59".."2024-01-01T00:00"'),
    ("filter", "added_at__eq=now"),
    ("filter", "extra__eq=1"),
    ("filter", "extra__contains=1"),
    ("filter", 'title__contains="' + "x" * 7000 + '"'),
    ("filter", " AND ".join(["id__eq=1"] * 500)),
    ("format", "xlsx"),
    ("format", "../../x"),
]
KEYS = [
    "",
    "abc",
    "1.0",
    "1.5",
    "-1",
    "0",
    str(2**63),
    str(10**30),
    "9" * 5000,
    "1,2",
    "1;2",
    "None",
    "nan",
    "1 OR 1=1",
    "' OR '1'='1",
    "\ufeff1",
    "٣",
    "%",
    "..",
    "a.,b",
]


#: Spellings of a key that some record has.
WHOLE = ("1.0", "\ufeff1", "٣")


@pytest.fixture
def shop(stocked: House) -> House:
    """A superuser, signed in: nothing is refused for want of a permission."""
    stocked.signed_in(superuser=True)
    return stocked


def answered(answer: Any, what: object, *statuses: int) -> None:
    """By one of these, and in words for people."""
    assert answer.status_code in statuses, (what, answer.text)
    assert "Traceback" not in answer.text, what


def library(house: House) -> list[dict[str, Any]]:
    """What the admin has to do with, as the database has it."""
    return [each.model_dump() for model in (Author, Book, Tag) for each in house.all(model)]


@pytest.mark.parametrize("resource", ["books", "users"])
def test_odd_parameters_of_lists(shop: House, resource: str) -> None:
    """Lists, exports, look-ups: what can be read is answered, and nothing is changed by it."""
    before = library(shop)
    for name, value in PARAMETERS:
        for page in ("", "/export", "/lookup"):
            answer = shop.client.get(f"/admin/{resource}{page}", params={name: value})
            answered(answer, (page, name, value), 200, 400)
    assert library(shop) == before


def test_odd_keys(shop: House) -> None:
    """404 for a text that is no key, on every page that takes one, of every view."""
    for view in ("books", "tags", "copies", "users", "roles", "api-keys", "sessions", "audit"):
        for key in KEYS:
            for page in ("detail", "edit"):
                answer = shop.client.get(f"/admin/{view}/{page}", params={"pk": key})
                # 200: one of the spellings of a number that is a key.
                there = (200,) if view == "books" and key in WHOLE else ()
                answered(answer, (view, page, key), 403, 404, *there)
            for name in ("delete", "revoke", "export", "", "__class__"):
                asked = {"name": name, "pks": key}
                answer = shop.client.get(f"/admin/{view}/action", params=asked)
                answered(answer, (view, name, key), 200, 403, 404)
    assert len(shop.all(Book)) == 3


def test_odd_deeds(shop: House) -> None:
    """Many at once, unknown names, keys that are none."""
    for form in (
        {},
        {"name": "delete"},
        {"name": "delete", "pks": KEYS},
        {"name": "delete", "pks": [str(number) for number in range(501)]},
        {"name": "export", "pks": "1"},
        {"name": "nothing", "pks": "1"},
        {"name": ["delete", "x"], "pks": "x"},
    ):
        for view in ("books", "users", "api-keys", "audit"):
            answered(shop.send(f"/{view}/action", form), (view, form), 303, 403, 404)
    assert len(shop.all(Book)) == 3


@pytest.mark.parametrize("resource", ["books", "users", "roles", "api-keys", "tags", "copies"])
def test_odd_forms(shop: House, resource: str) -> None:
    """Each field of each form, with what no browser would send."""
    view = next(each for each in shop.admin.site._model_views if each.key == resource)
    token = shop.token()
    paths = {"books": "/books/edit?pk=1", "tags": "/tags/edit?pk=new"}
    # By an edit the one field is enough, so that it comes as far as the database.
    path = paths.get(resource, f"/{resource}/add")
    filled = {"name": "key"} if resource == "api-keys" else {}
    for field in [each.name for each in view.fields]:
        for value in ("", " ", "\0", "x" * 20_000, "-1", str(10**40), "{", "é\ud7ff", "on", "null"):
            for sent in (value, [value, value]):
                answer = shop.send(path, {**filled, field: sent}, token=token)
                answered(answer, (field, sent), 200, 303, 422)
    assert shop.open(f"/{resource}").status_code == 200


def test_odd_bodies(shop: House) -> None:
    """No form at all, a broken one, one with a file where a text should be, one too large."""
    token, before = shop.token(), library(shop)
    kinds: list[dict[str, Any]] = [
        {"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}},
        {"content": b"{}", "headers": {"Content-Type": "application/json"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"%ff=%zz&=&&", "headers": {"Content-Type": FORM}},
        {"content": b"a=1&" * 20_000, "headers": {"Content-Type": FORM}},
        {"content": b"x", "headers": {"Content-Type": "text/plain; charset=none"}},
        {"data": {"csrf_token": token}, "files": {"title": ("x.txt", b"x")}},
        {"data": {"title": "x"}, "files": {"csrf_token": ("x.txt", token.encode())}},
        {"data": {"csrf_token": token, "summary": "x" * 2_000_000}},
    ]
    for kind in kinds:
        for path in ("/books/add", "/books/edit?pk=1", "/books/action", "/login", "/logout"):
            headers = {**ORIGIN, **kind.pop("headers", {})}
            answer = shop.client.post(f"/admin{path}", headers=headers, **kind)
            large = "summary" in kind.get("data", {})
            answered(answer, (path, kind), *((413,) if large else (400, 401, 403, 413)))
            kind["headers"] = {key: value for key, value in headers.items() if key != "Origin"}
    assert library(shop) == before


FORM = "application/x-www-form-urlencoded"


def test_odd_cookies(shop: House) -> None:
    """Forged notices are not shown; forged sessions open nothing."""
    for value in ("x", "%C3%A9", "AAAA", "." * 3000, "eyJ0ZXh0IjoiaGkifQ"):
        shop.client.cookies.set("backoffice_notice", value)
        answer = shop.open("/")
        answered(answer, value, 200)
        assert 'class="notice' not in answer.text
    shop.client.cookies.clear()
    for value in ("x", "AAAA", "." * 3000):
        assert shop.open("/", Cookie=f"backoffice_session={value}").status_code == 303


def test_a_notice_of_another_session_is_not_shown(shop: House) -> None:
    """It is signed for the session that it was left for."""
    shop.send("/tags/add", {"name": "sale"})
    notice = shop.client.cookies["backoffice_notice"]
    shop.client.cookies.clear()
    shop.signed_in("tags:view", email="bob@example.com")
    shop.client.cookies.set("backoffice_notice", notice)
    assert "was added" not in shop.open("/tags").text


def test_a_form_whose_charset_makes_half_a_character_is_refused(shop: House) -> None:
    """From anybody: the sign-in page is a form too."""
    body = b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n+2AA-\r\n--x--\r\n'
    multipart = {"Content-Type": "multipart/form-data; boundary=x; charset=utf-7"}
    for path, field in (("login", b"email"), ("books/add", b"csrf_token"), ("books/add", b"title")):
        for signed_in in (True, False):
            if not signed_in:
                shop.client.cookies.clear()
            answer = shop.client.post(
                f"/admin/{path}", content=body % field, headers={**ORIGIN, **multipart}
            )
            assert answer.status_code in (400, 401, 403, 413), (path, field)


@pytest.mark.parametrize("document", ['{"a": "\\ud800"}', '{"a": 1e999}', "NaN", "[" * 9000])
def test_a_document_that_cannot_be_sent_again_is_not_stored(shop: House, document: str) -> None:
    answer = shop.send("/books/edit?pk=1", {"extra": document})
    assert answer.status_code == 422
    for page in ("/books", "/books/detail?pk=1", "/books/edit?pk=1", "/books/export?format=json"):
        assert shop.open(page).status_code == 200
