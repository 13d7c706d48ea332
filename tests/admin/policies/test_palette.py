"""The palette finds nothing that may not be seen."""

import pytest

from tests.admin.library import Book, Tag
from tests.admin.policies.ruled import RuledHouse, library, narrowed, sees
from tests.admin.test_palette import hits


@pytest.mark.parametrize("text", ["Title", "isbn01", "Writer1", "hidden", "98799"])
def test_policies_and_field_rules_hold(ruled: RuledHouse, text: str) -> None:
    """What may not be seen is not found, nor found by what may not be read."""
    ruled.add(Tag(name="hidden"))
    books = narrowed(ruled)
    seen = {each.title for each in library() if isinstance(each, Book) and sees(each)}
    found = {each for each in hits(ruled, text) if each.startswith("Title")}
    assert found <= seen & {each.title for each in books}
    assert bool(found) == (text == "Title")
    assert "hidden" not in hits(ruled, text)
    assert "Writer1" not in hits(ruled, text)
