"""Whatever stands in an address, in every parameter of every page: no 500, and no traceback."""

from collections.abc import Iterator

import pytest
from starlette.datastructures import QueryParams
from starlette.routing import Route

from tests.admin.conftest import House

NAMES = (
    "pk",
    "pks",
    "q",
    "sort",
    "filter",
    "after",
    "before",
    "page",
    "page_size",
    "name",
    "all",
    "query",
    "form",
    "change",
    "actor",
    "action",
    "resource",
    "through",
    "since",
    "until",
    "whose",
    "format",
    "status",
    "added_at",
    "next",
    "token",
    "cols",
    "view",
    "field",
    "list",
)
VALUES = (
    "-1.5",
    "9" * 30,
    "'\"\\;--",
    "WyJhIl0",
    "\u202e\u0661\ud7ff",
    "9999-99-99T99:99",
)
ANSWERS = (200, 303, 400, 403, 404, 405, 409, 503)
EACH = "*"


@pytest.fixture
def shop(stocked: House) -> House:
    """A superuser, signed in, and a change in the history."""
    stocked.signed_in(superuser=True)
    assert stocked.send("/books/edit?pk=1", {"title": "Changed"}).status_code == 303
    return stocked


def pages(house: House) -> Iterator[str]:
    for route in house.admin.site.app.routes:
        if isinstance(route, Route) and "GET" in (route.methods or ()):
            yield route.path.replace("{resource}", "books").replace("{name}", "nothing")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The parameters that were read; EACH where a page went through all of them."""
    found: set[str] = set()

    def tells(method: str, *, each: bool) -> None:
        real = getattr(QueryParams, method)

        def told(self: QueryParams, *key: str) -> object:
            found.update((EACH,) if each else key)
            return real(self, *key)

        monkeypatch.setattr(QueryParams, method, told)

    for method in ("__getitem__", "__contains__", "getlist"):
        tells(method, each=False)
    for method in ("__iter__", "keys", "values", "items", "multi_items"):
        tells(method, each=True)
    return found


def asked_for(shop: House, path: str, read: set[str], **usual: str) -> set[str]:
    """The parameters that this page reads; those that are there make it read more."""
    read.clear()
    for given in (usual, dict.fromkeys(NAMES, "1")):
        shop.client.get(f"/admin{path}", params=given)
    return set(NAMES) if EACH in read else read & set(NAMES)


@pytest.mark.parametrize("at", range(len(VALUES)))
def test_odd_values_of_every_parameter(shop: House, read: set[str], at: int) -> None:
    """One parameter odd, what a page needs besides as it should be.

    Each value for what a page reads, and one of them for what it does not.
    """
    usual = {"pk": "1", "pks": "1", "name": "delete", "change": "1"}
    for path in pages(shop):
        names = asked_for(shop, path, read, **usual)
        for number, name in enumerate(NAMES):
            if name not in names and number % len(VALUES) != at:
                continue
            answer = shop.client.get(f"/admin{path}", params={**usual, name: VALUES[at]})
            assert answer.status_code in ANSWERS, (path, name)
            assert "Traceback" not in answer.text


def test_one_parameter_many_times(shop: House, read: set[str]) -> None:
    for path in pages(shop):
        for name in asked_for(shop, path, read):
            many = [str(each) for each in range(99)]
            answer = shop.client.get(f"/admin{path}", params={name: many})
            assert answer.status_code in ANSWERS, (path, name)
