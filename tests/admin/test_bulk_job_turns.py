"""Bulk jobs that are broken off, taken over, cancelled or may not go on: by turns, as processes
take them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, update

from backoffice.admin.jobs import worker as working
from backoffice.admin.jobs.holds import Hold, Lost
from backoffice.admin.jobs.models import BulkJob
from backoffice.admin.jobs.queue import MOST_IN_VAIN
from backoffice.admin.jobs.worker import JobWorker
from backoffice.admin.records import RecordView
from tests.admin.background import ended, start
from tests.admin.conftest import House
from tests.admin.library import Tag

TAGS = 40
KINDS = [("tags", "delete")]


@pytest.fixture
def idle(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose own worker does nothing, with tags for somebody who may delete them."""
    monkeypatch.setattr(JobWorker, "notice_soon", lambda _: None)
    monkeypatch.setattr(JobWorker, "_round", _nothing)
    house.add(*(Tag(name=f"tag {number:03}") for number in range(TAGS)))
    house.signed_in("tags:*")
    return house


async def _nothing(_: JobWorker) -> float:
    return working.POLL


class Process:
    """A worker as another process would have it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.worker = house.running.value(house.admin.site.jobs)

    def take(self) -> tuple[int, str] | None:
        """Take the next job."""
        return self._house.call(self.worker.queue.take(KINDS, self._house.services.clock.now()))

    def step(self, taken: tuple[int, str] | None, size: int = 5) -> bool:
        """Do the next records; whether there may be more."""
        assert taken is not None
        return self._house.call(self.worker._step(*taken, size))

    def turn(self) -> bool:
        """A whole turn."""
        return self._house.call(self.worker.turn())


def job(house: House, number: int) -> BulkJob:
    found = house.get(BulkJob, number)
    assert found is not None
    return found


def written(house: House, number: int, **values: Any) -> None:
    async def done() -> None:
        async with house.services.database.session() as session:
            which = update(BulkJob).where(col(BulkJob.number) == number)
            await session.exec(which.values(**values))
            await session.commit()

    house.call(done())


def deleted(house: House) -> list[str]:
    return [each.subject for each in house.events() if each.event == "admin.record_deleted"]


def test_a_job_goes_on_in_another_process_where_one_has_died(idle: House) -> None:
    """From where it is, once the lease has run out; each record is done once."""
    number, dead, other = start(idle, "delete"), Process(idle), Process(idle)
    taken = dead.take()
    assert dead.step(taken)  # which counts
    assert dead.step(taken)
    assert job(idle, number).done == 5
    assert other.take() is None  # it is not known yet that the first one is dead
    past = idle.services.clock.now() - timedelta(seconds=1)
    written(idle, number, lease_until=past)
    assert other.turn()
    found = job(idle, number)
    assert (found.state, found.done, found.total) == ("done", TAGS, TAGS)
    assert len(deleted(idle)) == len(set(deleted(idle))) == TAGS


class Died(BaseException):
    """What ends a process."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process dies after its records were deleted, before that is committed."""

    async def die(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(Hold, "write", die)
        yield


def test_a_step_is_kept_as_a_whole_or_not_at_all(
    idle: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done and how far the job is are committed together."""
    number, process = start(idle, "delete"), Process(idle)
    taken = process.take()
    process.step(taken)
    with dying(monkeypatch), pytest.raises(BaseException):  # noqa: B017 - whatever the portal makes of it
        process.step(taken)
    assert len(idle.all(Tag)) == TAGS
    assert deleted(idle) == []
    while process.step(taken):
        pass
    assert (job(idle, number).state, job(idle, number).done) == ("done", TAGS)
    assert len(deleted(idle)) == TAGS


def test_who_lost_a_job_writes_nothing(idle: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that slept through its lease finds the job in another one's hands."""
    number, slow, other = start(idle, "delete"), Process(idle), Process(idle)
    taken = slow.take()
    slow.step(taken)
    written(idle, number, lease_until=idle.services.clock.now() - timedelta(seconds=1))
    assert other.take() is not None
    assert not slow.step(taken)
    assert len(idle.all(Tag)) == TAGS

    async def lost(*_: Any, **__: Any) -> bool:
        return False

    monkeypatch.setattr(type(slow.worker.queue), "write", lost)
    hold = Hold(slow.worker.queue, Any, number, "", idle.services.clock)  # type: ignore[arg-type]
    with pytest.raises(Lost):
        idle.call(hold.write(done=1))


def test_two_processes_at_once_do_each_record_once(idle: House) -> None:
    """Whoever of them has it."""
    number = start(idle, "delete")
    processes = [Process(idle), Process(idle)]
    threads = [threading.Thread(target=each.turn) for each in processes]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = job(idle, number)
    assert (found.state, found.done) == ("done", TAGS)
    assert len(deleted(idle)) == len(set(deleted(idle))) == TAGS


def test_what_is_added_meanwhile_is_left_alone(idle: House) -> None:
    """The job is about what there was when it began."""
    number, process = start(idle, "delete"), Process(idle)
    taken = process.take()
    process.step(taken)
    idle.add(Tag(name="zzz"))
    while process.step(taken):
        pass
    assert [each.name for each in idle.all(Tag)] == ["zzz"]
    assert job(idle, number).done == TAGS


def test_a_job_that_nobody_has_begun_is_cancelled_at_once(idle: House) -> None:
    """And nothing is done."""
    number = start(idle, "delete")
    answer = idle.send("/bulk-jobs/cancel", {"pk": str(number)})
    assert answer.status_code == 303
    assert job(idle, number).state == "cancelled"
    assert not Process(idle).turn()
    assert len(idle.all(Tag)) == TAGS


def test_a_job_that_runs_ends_before_its_next_step(idle: House) -> None:
    """What was done stays done, and the page says how much that is."""
    number, process = start(idle, "delete"), Process(idle)
    taken = process.take()
    process.step(taken)
    process.step(taken)
    idle.send("/bulk-jobs/cancel", {"pk": str(number)})
    assert "Cancelling" in idle.open(f"/bulk-jobs/detail?pk={number}").text
    assert not process.step(taken)
    assert (job(idle, number).state, len(idle.all(Tag))) == ("cancelled", TAGS - 5)
    page = idle.open(f"/bulk-jobs/detail?pk={number}").text
    assert "Cancelled" in page
    assert f"5 of {TAGS} done" in page
    idle.send("/bulk-jobs/cancel", {"pk": str(number)})
    assert "It is over already." in idle.open("/bulk-jobs").text


LATER = [
    ("permission", "Whoever started it may not do this any more."),
    ("entrance", "Whoever started it may not do this any more."),
    ("account", "Whoever started it may not sign in any more."),
]


@pytest.mark.parametrize(("lost", "reason"), LATER)
def test_a_job_stops_when_who_started_it_may_not_do_it_any_more(
    idle: House, lost: str, reason: str
) -> None:
    """Permissions are those of now, not of when it was started; the page says where it stopped."""
    number, process = start(idle, "delete"), Process(idle)
    taken = process.take()
    process.step(taken)
    process.step(taken)
    services = idle.services
    ann = idle.call(services.users.find("ann@example.com"))
    if lost == "account":
        idle.call(services.users.change(ann.id, {"is_active": False}, actor="test"))
    else:
        denied = "tags:*" if lost == "permission" else "admin:enter"
        idle.call(services.roles.deny("role of ann", [denied], actor="test"))
    assert not process.step(taken)
    found = job(idle, number)
    assert (found.state, found.reason, found.done) == ("stopped", reason, 5)
    assert len(idle.all(Tag)) == TAGS - 5


def test_a_job_goes_on_after_its_starter_has_signed_out(idle: House) -> None:
    """Going home does not end it."""
    number = start(idle, "delete")
    idle.send("/logout", {})
    assert Process(idle).turn()
    assert job(idle, number).state == "done"


def test_a_job_stops_where_its_filters_come_to_mean_something_else(idle: House) -> None:
    """A condition that falls away would make it be about more records."""
    number, process = start(idle, "delete", query="q=tag+00"), Process(idle)
    written(idle, number, query="")
    process.turn()
    assert job(idle, number).state == "stopped"
    assert "do not mean the same" in job(idle, number).reason
    assert len(idle.all(Tag)) == TAGS


def test_an_action_that_fails_by_itself_stops_the_job(
    idle: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It would fail for each record; the log says how, the page that it did."""

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RecordView, "delete", broken)
    number = start(idle, "delete")
    Process(idle).turn()
    found = job(idle, number)
    assert (found.state, found.done) == ("stopped", 0)
    assert "The action itself failed" in found.reason
    assert "ZeroDivisionError" in caplog.text


def test_a_job_that_kills_its_process_again_and_again_is_given_up(idle: House) -> None:
    """It would kill every process that comes."""
    number, process = start(idle, "delete"), Process(idle)
    for _ in range(MOST_IN_VAIN):
        assert process.take() is not None
        written(idle, number, lease_until=idle.services.clock.now() - timedelta(seconds=1))
    assert process.take() is None
    idle.call(process.worker.queue.tidy(idle.services.clock.now()))
    assert job(idle, number).state == "stopped"
    assert "again and again" in job(idle, number).reason


def test_jobs_take_turns(idle: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short one does not wait for the end of a long one."""
    monkeypatch.setattr(working, "TURN", 0.0)
    first, second, process = start(idle, "delete"), start(idle, "delete"), Process(idle)
    taken = []
    for _ in range(4):
        found = process.take()
        assert found is not None
        taken.append(found[0])
        idle.call(process.worker.queue.release(*found))
    assert taken == [first, second, first, second]


def test_what_is_long_over_is_forgotten(idle: House) -> None:
    """With the names of the records that it tells."""
    number = start(idle, "delete")
    Process(idle).turn()
    written(idle, number, turn_at=idle.services.clock.now() - timedelta(days=31))
    idle.call(Process(idle).worker.queue.tidy(idle.services.clock.now()))
    assert idle.get(BulkJob, number) is None


def test_a_job_of_one_run_goes_on_in_the_next(idle: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends in good order leaves it to the next one at once."""
    number = start(idle, "delete")
    monkeypatch.undo()
    monkeypatch.setattr(working, "POLL", 0.05)
    # The same database, another run.
    with pytest.MonkeyPatch.context() as patched:
        url = idle.services.database.url.render_as_string(hide_password=False)
        patched.setenv("BACKOFFICE_DATABASE_URL", url)
        patched.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with House() as other:
            assert ended(other, number).done == TAGS


def test_jobs_of_others_are_seen_and_cancelled_by_those_who_may(idle: House) -> None:
    """By nobody else, be it by a number that is made up."""
    number = start(idle, "delete")
    path = f"/bulk-jobs/detail?pk={number}"
    for email, permissions, status in (
        ("bob@example.com", (), 404),
        ("eve@example.com", ("bulk-jobs:change",), 404),
        ("joe@example.com", ("bulk-jobs:view",), 200),
    ):
        idle.client.cookies.clear()
        idle.signed_in("tags:*", *permissions, email=email)
        assert idle.open(path).status_code == status
        cancelled = idle.send("/bulk-jobs/cancel", {"pk": str(number)})
        assert cancelled.status_code == (403 if status == 200 else 404)
        seen = "Delete: Tags" in idle.open("/bulk-jobs?whose=all").text
        assert seen == (status == 200)
    assert not job(idle, number).cancel_asked
    idle.client.cookies.clear()
    idle.signed_in("bulk-jobs:view", "bulk-jobs:change", email="max@example.com")
    assert idle.send("/bulk-jobs/cancel", {"pk": str(number)}).status_code == 303
    assert job(idle, number).state == "cancelled"


def test_a_job_cannot_be_started_by_who_may_not_do_it(idle: House) -> None:
    """The permission of the action is asked for before the question, and the token at the deed."""
    idle.client.cookies.clear()
    form = {"name": "delete", "all": "1", "query": ""}
    assert idle.client.post("/admin/tags/action", data=form).status_code in (401, 403)
    idle.signed_in("tags:view", email="bob@example.com")
    assert idle.open("/tags/action?name=delete&all=1").status_code == 403
    assert idle.send("/tags/action", form).status_code == 403
    idle.client.cookies.clear()
    idle.signed_in("tags:*", email="eve@example.com")
    assert idle.send("/tags/action", form, token="x").status_code == 403
    assert idle.all(BulkJob) == []
