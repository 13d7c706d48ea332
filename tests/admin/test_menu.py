"""The menu beside each page, and what it tells of where one is."""

import re

import pytest

from backoffice.admin.history import Change
from tests.admin.conftest import House


def current(page: str) -> list[str]:
    """What the menu says that one looks at."""
    found = re.findall(r'<a [^>]*aria-current="page">(.*?)</a>', page, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", each).strip() for each in found]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/", ["Home"]),
        ("/books", ["Books"]),
        ("/books/edit?pk=1", ["Books"]),
        ("/history", ["History"]),
        ("/bulk-jobs", ["Bulk jobs"]),
        ("/account", []),
    ],
)
def test_one_page_at_most_is_where_somebody_is(editor: House, path: str, named: list[str]) -> None:
    assert current(editor.open(path).text) == named


def test_a_sign_in_by_the_page_is_a_change_through_the_admin(house: House) -> None:
    house.signed_in("sessions:view")
    ways = {each.through for each in house.all(Change) if each.resource == "sessions"}
    assert ways == {"admin"}
