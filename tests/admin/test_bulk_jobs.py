"""Bulk jobs: an action on all that match, in the background."""

import pytest

from backoffice.admin.history import Change
from backoffice.admin.jobs.models import BulkJob
from backoffice.auth import AuditEntry
from tests.admin.background import ended, last_session, start
from tests.admin.conftest import House
from tests.admin.library import Author, Book, Tag

TAGS = 450


@pytest.fixture
def tagged(house: House) -> House:
    """With some hundred tags, for somebody who may delete them."""
    house.add(
        *(Tag(name=f"{'old' if number % 3 else 'new'} {number:04}") for number in range(TAGS))
    )
    house.signed_in("tags:*")
    return house


def test_a_list_of_several_pages_offers_all_that_match(tagged: House) -> None:
    """With its search, beside what is chosen; a list of one page has all of it to choose."""
    page = tagged.open("/tags?q=new").text
    assert "or with all 150 that match" in page
    assert 'name="query" value="q=new"' in page
    assert "that match" not in tagged.open("/tags?q=0003").text


def test_the_question_says_how_many_records_it_is_about(tagged: House) -> None:
    """And nothing is done by asking it."""
    page = tagged.open("/tags/action?name=delete&all=1&query=q%3Dnew").text
    assert "Delete 150 tags?" in page
    assert 'name="query" value="q=new"' in page
    assert len(tagged.all(Tag)) == TAGS
    assert tagged.all(BulkJob) == []


def test_all_that_match_are_done_and_no_others(tagged: House) -> None:
    """Whatever page they are on; each is an event of its own, in the name of who started it."""
    job = ended(tagged, start(tagged, "delete", query="q=new&sort=name__desc&after=x"))
    assert (job.state, job.done, job.total) == ("done", 150, 150)
    assert (job.refused, job.failed, job.query) == (0, 0, "q=new")
    assert all(each.name.startswith("old") for each in tagged.all(Tag))
    assert len(tagged.all(Tag)) == TAGS - 150
    deleted = [each for each in tagged.events() if each.event == "admin.record_deleted"]
    assert len({each.subject for each in deleted}) == len(deleted) == 150
    assert {each.actor for each in deleted} == {job.actor}
    told = [each for each in tagged.all(Change) if each.resource == "tags"]
    assert len({each.record_key for each in told}) == len(told) == 150
    assert {(each.actor, each.through, each.action) for each in told} == {
        (job.actor, "admin", "delete")
    }


def test_the_page_of_a_job_tells_how_far_it_is(tagged: House) -> None:
    """In words, as a bar, and as JSON for the script that looks again."""
    number = start(tagged, "delete", query="q=new")
    ended(tagged, number)
    page = tagged.open(f"/bulk-jobs/detail?pk={number}").text
    assert "Done" in page
    assert "150 of 150 done" in page
    assert '<progress max="150" value="150"' in page
    assert "refresh" not in page
    found = tagged.open(f"/bulk-jobs/detail?pk={number}", Accept="application/json").json()
    assert (found["handled"], found["total"], found["over"]) == (150, 150, True)
    assert "150 of 150 done" in tagged.open("/bulk-jobs").text


def test_what_something_refers_to_fails_alone(stocked: House) -> None:
    """The others are deleted all the same, and it is told which were not and why."""
    stocked.add(*(Author(name=f"Author {number}") for number in range(30)))
    stocked.signed_in("authors:*")
    job = ended(stocked, start(stocked, "delete", "authors"))
    assert (job.done, job.failed, job.total) == (30, 2, 32)
    assert {each.name for each in stocked.all(Author)} == {"Ada", "Grace"}
    page = stocked.open(f"/bulk-jobs/detail?pk={job.number}").text
    assert "2 failed" in page
    assert ">Ada</a>: " in page


def test_a_form_that_is_sent_twice_starts_one_job(tagged: House) -> None:
    """The second answer leads to the same."""
    form = "0123456789abcdef" * 2
    first = start(tagged, "delete", query="q=new", form=form)
    assert start(tagged, "delete", query="q=new", form=form) == first
    ended(tagged, first)
    assert len(tagged.all(BulkJob)) == 1


def test_a_job_keeps_nothing_of_a_form_but_what_is_meant(tagged: House) -> None:
    """A password that confirmed it least of all."""
    number = start(tagged, "delete", query="q=new", confirm_password="", other="secret")
    job = ended(tagged, number)
    assert job.query == "q=new"


def test_what_is_done_to_one_at_a_time_is_no_job(house: House) -> None:
    """A new password is shown once, to whoever asked for it."""
    house.signed_in(superuser=True)
    answer = house.send("/users/action", {"name": "new-password", "all": "1"})
    assert answer.status_code == 409
    assert house.all(BulkJob) == []


def test_accounts_are_changed_by_their_services(house: House) -> None:
    """With their own events, refused where these refuse."""
    for number in range(12):
        house.user(f"user{number:02}@example.com")
    ann = house.signed_in(superuser=True)
    job = ended(house, start(house, "delete", "users"))
    # Nobody deletes themselves.
    assert (job.done, job.refused, job.state) == (12, 1, "done")
    deleted = [each for each in house.events() if each.event == "auth.user_deleted"]
    assert len({each.subject for each in deleted}) == 12
    assert {each.actor for each in deleted} == {f"user:{ann.id}"}


BAD = [
    {"name": "delete", "all": "1", "query": 'filter=nothing__eq="x"'},
    {"name": "delete", "all": "1", "query": "filter=("},
    {"name": "delete", "all": "1", "query": "filtr=name"},
    {"name": "delete", "all": "1", "query": "is.name=new"},
    {"name": "delete", "all": "1", "query": "q=a&q=b"},
    {"name": "delete", "all": "1", "query": "q=" + "x" * 9_000},
    {"name": "export", "all": "1"},
    {"name": "nothing", "all": "1"},
]


@pytest.mark.parametrize("form", BAD)
def test_what_no_list_can_mean_starts_nothing(tagged: House, form: dict[str, str]) -> None:
    """It is refused before anybody has begun."""
    assert tagged.send("/tags/action", form).status_code in (400, 404)
    assert tagged.all(BulkJob) == []


@pytest.mark.parametrize("key", ["", "x", "0", "99", "-1", "9" * 30, "1.5", "²"])
def test_a_number_that_is_no_job_is_not_found(tagged: House, key: str) -> None:
    """Nor does anything break."""
    answer = tagged.client.get("/admin/bulk-jobs/detail", params={"pk": key})
    assert answer.status_code == 404
    assert tagged.send("/bulk-jobs/cancel", {"pk": key}).status_code == 404


def test_nobody_has_more_jobs_than_can_be_watched(tagged: House) -> None:
    """Whoever has ten is told to wait."""
    now = tagged.services.clock.now()
    principal = tagged.all(AuditEntry)[-1].actor
    session_id = last_session(tagged)
    tagged.add(
        *(
            BulkJob(
                form=f"{number:032}",
                resource="nothing",
                action="delete",
                query="",
                meaning="",
                actor=principal,
                session_id=session_id,
                created_at=now,
                turn_at=now,
            )
            for number in range(10)
        )
    )
    answer = tagged.send("/tags/action", {"name": "delete", "all": "1"})
    assert answer.status_code == 409
    assert len(tagged.all(BulkJob)) == 10


def test_books_of_a_filter_that_the_action_changes_are_each_done_once(stocked: House) -> None:
    """What is done leaves the list, and nothing is left out for that."""
    stocked.add(*(Book(title=f"T{n}", isbn=f"i{n}", author_id=n % 2 + 1) for n in range(60)))
    stocked.signed_in("books:*")
    job = ended(stocked, start(stocked, "delete", "books", query="filter=author_id__eq=1"))
    assert (job.done, job.total) == (32, 32)
    assert {each.author_id for each in stocked.all(Book)} == {2}
