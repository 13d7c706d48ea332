"""Imports that are broken off: what was done stays done, and the rest comes back as a file."""

import pytest

from backoffice.admin.imports.models import Import
from backoffice.admin.jobs import worker as working
from backoffice.admin.jobs.models import BulkJob
from backoffice.admin.jobs.worker import JobWorker
from tests.admin.conftest import House, query_of
from tests.admin.importing import counts, sent, suggested
from tests.admin.library import Author
from tests.services.databases import Databases

ROWS = 250


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: turns are tested of jobs, on both."""
    return sqlite_databases


@pytest.fixture
def idle(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose own worker does nothing, for somebody who may import."""

    async def nothing(_: JobWorker) -> float:
        return working.POLL

    monkeypatch.setattr(JobWorker, "notice_soon", lambda _: None)
    monkeypatch.setattr(JobWorker, "_round", nothing)
    house.signed_in("authors:*")
    return house


def file_of(house: House, number: str) -> Import:
    found = house.get(Import, int(number))
    assert found is not None
    return found


def tried(house: House) -> str:
    """The number of a file that was tried."""
    rows = "".join(f"Author {number}\n" for number in range(ROWS))
    number = sent(house, f"name\n{rows}", "authors")
    page = house.open(f"/authors/import?pk={number}").text
    assert house.send("/authors/import/match", {"pk": number, **suggested(page)}).status_code == 303
    house.call(house.running.value(house.admin.site.jobs).drained())
    assert counts(file_of(house, number)) == (ROWS, 0, 0, 0)
    return number


def begun(house: House, number: str, parts: int) -> int:
    """The number of the job that writes it, some parts of which are done."""
    house.send("/authors/import/write", {"pk": number})
    worker = house.running.value(house.admin.site.jobs)
    kinds = [("authors", "import")]
    now = house.services.clock.now()
    taken = house.call(worker.queue.take(kinds, now))
    assert taken is not None
    for _ in range(1 + parts):  # the first counts
        assert house.call(worker._step(*taken, 10))
    house.call(worker.queue.release(*taken))
    return int(taken[0])


def test_what_was_not_come_to_is_in_the_report(idle: House) -> None:
    """Of an import that was cancelled; it can be sent again as it is."""
    number = tried(idle)
    job = begun(idle, number, parts=1)
    assert "100 of 250 done" in idle.open(f"/authors/import?pk={number}").text
    assert idle.open(f"/authors/import/refused?pk={number}").status_code == 409
    idle.send("/bulk-jobs/cancel", {"pk": str(job)})
    found = idle.get(BulkJob, job)
    assert found is not None
    assert found.state == "cancelled"
    assert len(idle.all(Author)) == 100
    page = idle.open(f"/authors/import?pk={number}").text
    assert "Cancelled after 100 of 250 rows." in page
    report = idle.open(f"/authors/import/refused?pk={number}").content
    assert report.count(b"It was not come to.") == 150
    again = sent(idle, report, "authors")
    assert file_of(idle, again).total == 150


def test_another_process_goes_on_where_one_left(idle: House) -> None:
    """Each row is written once."""
    number = tried(idle)
    begun(idle, number, parts=2)
    assert len(idle.all(Author)) == 200
    idle.call(idle.running.value(idle.admin.site.jobs).drained())
    assert counts(file_of(idle, number)) == (ROWS, 0, 0, 0)
    assert len({each.name for each in idle.all(Author)}) == len(idle.all(Author)) == ROWS


def test_a_trial_that_is_begun_anew_takes_the_place_of_the_one_before(idle: House) -> None:
    """Though its columns mean the same: no row is counted twice."""
    number = sent(idle, "name\nAda\nGrace\n", "authors")
    for _ in range(2):
        idle.send("/authors/import/match", {"pk": number, "key": "", "column.0": "name"})
    idle.call(idle.running.value(idle.admin.site.jobs).drained())
    assert [each.state for each in idle.all(BulkJob)] == ["stopped", "done"]
    assert counts(file_of(idle, number)) == (2, 0, 0, 0)


def test_columns_that_are_matched_anew_stop_a_trial_that_runs(idle: House) -> None:
    """What it says would be of columns that are not meant any more."""
    number = sent(idle, "name,born\nAda,1815-12-10\n", "authors")
    for form in ({"column.0": "name", "column.1": "born"}, {"column.0": "name"}):
        idle.send("/authors/import/match", {"pk": number, "key": "", **form})
    idle.call(idle.running.value(idle.admin.site.jobs).drained())
    states = [(each.state, each.reason) for each in idle.all(BulkJob)]
    assert [state for state, _ in states] == ["stopped", "done"]
    assert "matched in another way" in states[0][1]
    assert counts(file_of(idle, number)) == (1, 0, 0, 0)
    answer = idle.send("/authors/import/write", {"pk": number})
    assert query_of(answer.headers["location"])["pk"] == [number]
