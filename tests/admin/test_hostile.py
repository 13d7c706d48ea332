"""Whatever a client sends, the answer is no 500, and nothing is broken by it."""

from typing import Any

import pytest

from tests.admin.conftest import ORIGIN, House
from tests.admin.library import Author, Book

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


@pytest.fixture
def shop(stocked: House) -> House:
    """A superuser, signed in: nothing is refused for want of a permission."""
    stocked.signed_in(superuser=True)
    return stocked


def fine(answer: Any, what: object) -> None:
    assert answer.status_code < 500, (what, answer.text)
    assert "Traceback" not in answer.text, what


@pytest.mark.parametrize("resource", ["books", "users"])
def test_odd_parameters_of_lists(shop: House, resource: str) -> None:
    """Lists, exports, look-ups."""
    for name, value in PARAMETERS:
        for page in ("", "/export", "/lookup"):
            answer = shop.client.get(f"/admin/{resource}{page}", params={name: value})
            fine(answer, (page, name, value))


def test_odd_keys(shop: House) -> None:
    """404 for a text that is no key, on every page that takes one, of every view."""
    for view in ("books", "tags", "copies", "users", "roles", "api-keys", "sessions", "audit"):
        for key in KEYS:
            for page in ("detail", "edit"):
                answer = shop.client.get(f"/admin/{view}/{page}", params={"pk": key})
                fine(answer, (view, page, key))
                if view in ("users", "audit"):
                    assert answer.status_code in (403, 404)
            for name in ("delete", "revoke", "export", "", "__class__"):
                asked = {"name": name, "pks": key}
                fine(shop.client.get(f"/admin/{view}/action", params=asked), (view, name, key))
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
            fine(shop.send(f"/{view}/action", form), (view, form))
    assert len(shop.all(Book)) == 3


@pytest.mark.parametrize("resource", ["books", "users", "roles", "api-keys", "tags", "copies"])
def test_odd_forms(shop: House, resource: str) -> None:
    """Each field of each form, with what no browser would send."""
    view = next(each for each in shop.admin.site._model_views if each.key == resource)
    token = shop.token()
    for field in [each.name for each in view.fields]:
        for value in ("", " ", "\0", "x" * 20_000, "-1", str(10**40), "{", "é\ud7ff", "on", "null"):
            answer = shop.send(f"/{resource}/add", {field: value}, token=token)
            fine(answer, (field, value))
            answer = shop.send(f"/{resource}/add", {field: [value, value]}, token=token)
            fine(answer, (field, value))


def test_odd_bodies(shop: House) -> None:
    """No form at all, a broken one, one with a file where a text should be, one too large."""
    token = shop.token()
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
            fine(answer, (path, kind))
            kind["headers"] = {key: value for key, value in headers.items() if key != "Origin"}
            if path == "/logout" and answer.status_code == 303:
                shop.sign_in()
                token = shop.token()


FORM = "application/x-www-form-urlencoded"


def test_odd_cookies(shop: House) -> None:
    """Forged notices are not shown; forged sessions open nothing."""
    for value in ("x", "%C3%A9", "AAAA", "." * 3000, "eyJ0ZXh0IjoiaGkifQ"):
        shop.client.cookies.set("backoffice_notice", value)
        answer = shop.open("/")
        fine(answer, value)
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


def test_nothing_was_changed_by_any_of_it(shop: House) -> None:
    """The walk above leaves the library as it was; this one does in one go."""
    for name, value in PARAMETERS:
        shop.client.get("/admin/authors", params={name: value})
    assert [each.name for each in shop.all(Author)] == ["Ada", "Grace"]


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
