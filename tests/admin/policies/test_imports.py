"""Imports keep to the policies and field rules: for each row, as a form would."""

import json
import re

from tests.admin.importing import counts, sent, told, tried, written
from tests.admin.library import Book
from tests.admin.policies.ruled import RuledHouse, changes, narrowed, sees
from tests.admin.policies.test_relations import draft
from tests.admin.policies.test_relations import tags as tags_of


def test_rows_change_what_the_person_may_change_and_nothing_else(ruled: RuledHouse) -> None:
    """What may not be seen is told as what is not there."""
    books = narrowed(ruled, "books:import")
    rows = [{"id": each.id, "title": f"New {each.id}"} for each in books]
    number = sent(ruled, json.dumps(rows))
    foreseen = counts(tried(ruled, number, key=".key", adds=""))
    changed = {each.id for each in books if changes(each)}
    assert foreseen == (0, len(changed), 0, len(books) - len(changed))
    assert counts(written(ruled, number)) == foreseen
    assert {each.id for each in ruled.all(Book) if each.title.startswith("New")} == changed
    report = ruled.open(f"/books/import/refused?pk={number}").text
    assert report.count("There is no such book.") == sum(not sees(each) for each in books)
    unchanged = [each for each in books if sees(each) and not changes(each)]
    assert report.count("You may not change this record.") == len(unchanged)


def test_what_may_not_be_made_is_not_added(ruled: RuledHouse) -> None:
    """Nor what would be out of reach once it is changed."""
    draft = next(
        each for each in narrowed(ruled, "books:import", "books:see-isbn") if changes(each)
    )
    rows = [
        {"title": "Draft", "isbn": "x1", "author": 1, "status": "is a draft"},
        {"title": "Out", "isbn": "x2", "author": 1, "status": "is out"},
        {"isbn": draft.isbn, "status": "is out"},
    ]
    number = sent(ruled, json.dumps(rows))
    assert counts(tried(ruled, number, key="isbn")) == (1, 0, 0, 2)
    assert counts(written(ruled, number)) == (1, 0, 0, 2)
    added = [each for each in ruled.all(Book) if each.isbn.startswith("x")]
    assert [each.title for each in added] == ["Draft"]


def test_fields_that_may_not_be_written_cannot_be_chosen(ruled: RuledHouse) -> None:
    """Hidden ones are not even named; nothing is found by them."""
    narrowed(ruled, "books:import")
    number = sent(ruled, "id,title,isbn,price,weight\n1,X,isbn01,1,2\n")
    page = ruled.open(f"/books/import?pk={number}").text
    for each in ("isbn", "price", "weight", "editor_id"):
        assert f'value="{each}"' not in page
    for name, key in (("isbn", "isbn"), ("price", ".key"), ("weight", ".key")):
        form = {"column.0": "id", "column.1": "title", "column.2": name, "key": key}
        answer = ruled.send("/books/import/match", {"pk": number, **form})
        assert answer.status_code == 422
        assert f"You may not write {name}." in told(answer)


def test_what_may_not_be_seen_of_several_is_not_told(ruled: RuledHouse) -> None:
    """Neither as what was there before, nor by what is the same; and it stays."""
    draft(ruled)
    narrowed(ruled, "books:import")
    for tags, foreseen in (
        (["open"], (0, 0, 1, 0)),
        (["other"], (0, 1, 0, 0)),
        (["hidden", "open"], (0, 0, 0, 1)),
        (["gone", "open"], (0, 0, 0, 1)),
    ):
        number = sent(ruled, json.dumps([{"id": 90, "tags": tags}]))
        assert counts(tried(ruled, number, key=".key", adds="")) == foreseen, tags
        page = ruled.open(f"/books/import?pk={number}").text
        assert ("hidden" in told_of(page)) == ("hidden" in tags)
        assert ("There is no such tag" in page) == (foreseen[3] == 1)
    number = sent(ruled, json.dumps([{"id": 90, "tags": ["other"]}]))
    tried(ruled, number, key=".key", adds="")
    written(ruled, number)
    assert tags_of(ruled) == {"hidden", "other"}


def told_of(page: str) -> str:
    """The cells of the rows."""
    return " ".join(re.findall(r'<td data-label="tags".*?</td>', page, re.DOTALL))


def test_what_may_not_be_seen_is_not_referred_to_by_its_name(ruled: RuledHouse) -> None:
    """Nor by its key: an author without a year of birth is hidden, and so are names."""
    narrowed(ruled, "books:import", "books:see-isbn")
    rows = [
        {"title": "T", "isbn": f"y{index}", "author": author}
        for index, author in enumerate([1, 3, "Writer1", "Writer3"])
    ]
    number = sent(ruled, json.dumps(rows))
    assert counts(tried(ruled, number, key="")) == (1, 0, 0, 3)
    report = ruled.open(f"/books/import/refused?pk={number}").text
    assert report.count("There is no such author") == 3
