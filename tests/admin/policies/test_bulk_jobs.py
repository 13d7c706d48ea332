"""Bulk jobs keep to the policies: for each record, as it is when its turn comes."""

import pytest
from httpx2 import Response

from tests.admin.background import ended
from tests.admin.conftest import query_of
from tests.admin.library import Book
from tests.admin.policies.ruled import RuledHouse, deletes, narrowed, sees


def number_of(answer: Response) -> int:
    """The job that an action was answered with."""
    return int(query_of(answer.headers["location"])["pk"][0])


@pytest.mark.parametrize("query", ["", "q=Title"])
def test_a_job_does_what_the_person_may_do_and_nothing_else(ruled: RuledHouse, query: str) -> None:
    """What may not be seen is not even counted; what may be seen and not deleted is refused."""
    books = narrowed(ruled)
    form = {"name": "delete", "all": "1", "query": query}
    answer = ruled.send("/books/action", form)
    assert answer.status_code == 303, answer.text
    job = ended(ruled, number_of(answer))
    seen, gone = (
        [each for each in books if sees(each)],
        {each.id for each in books if deletes(each)},
    )
    assert (job.total, job.done, job.refused) == (len(seen), len(gone), len(seen) - len(gone))
    assert {each.id for each in ruled.all(Book)} == {each.id for each in books} - gone


@pytest.mark.parametrize("query", ["q=isbn01", 'filter=price__gt="1"', "filter=isbn__is_not_null"])
def test_a_job_is_not_about_what_may_not_be_read(ruled: RuledHouse, query: str) -> None:
    """Neither does it tell of it by what it does."""
    books = narrowed(ruled)
    answer = ruled.send("/books/action", {"name": "delete", "all": "1", "query": query})
    if answer.status_code == 303:
        assert ended(ruled, number_of(answer)).total == 0
    assert len(ruled.all(Book)) == len(books)
