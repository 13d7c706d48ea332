"""Two admins of one app, with pages of the same names."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from backoffice.admin import Admin, ModelAdmin
from backoffice.admin.jobs.models import BulkJob
from backoffice.auth import Auth
from backoffice.core import SetupError
from tests.admin.background import ended, start
from tests.admin.conftest import ORIGIN, House, create_tables
from tests.admin.library import Tag
from tests.auth.conftest import AppWithAccounts
from tests.services.databases import Databases


class Bare(ModelAdmin):
    """Which cannot be searched: the same words mean nothing here."""

    model = Tag
    search_fields = ()


class Pair(House):
    def __init__(self, name: str = "staff") -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Tag])
        self.other = Admin(self.auth, models=[Bare], name=name)
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")
        self.app.include_router(self.other.router, prefix="/staff")


@pytest.fixture
def sqlite(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with sqlite_databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        yield


@pytest.fixture
def pair(sqlite: None) -> Iterator[Pair]:
    with Pair() as found:
        found.add(Tag(name="new"), Tag(name="old"))
        found.signed_in("tags:*")
        yield found


def test_each_does_and_shows_the_jobs_that_were_started_on_its_own_pages(pair: Pair) -> None:
    """Though the other has a page and an action of the same names."""
    worker = pair.running.value(pair.other.site.jobs)
    job = ended(pair, start(pair, "delete", query="q=new"))
    assert (job.site, job.state, job.done) == ("admin", "done", 1)
    assert [each.name for each in pair.all(Tag)] == ["old"]
    assert pair.client.get(f"/admin/bulk-jobs/detail?pk={job.number}").status_code == 200
    assert pair.client.get(f"/staff/bulk-jobs/detail?pk={job.number}").status_code == 404
    assert "Delete: Tags" in pair.open("/bulk-jobs").text
    assert "Delete: Tags" not in pair.client.get("/staff/bulk-jobs").text
    form = {"csrf_token": pair.token(), "pk": str(job.number)}
    sent = pair.client.post("/staff/bulk-jobs/cancel", data=form, headers=ORIGIN)
    assert sent.status_code == 404
    waiting = job.model_copy(update={"number": None, "form": "f", "state": "waiting"})
    pair.add(BulkJob(**waiting.model_dump()))
    assert pair.call(worker.queue.take([("tags", "delete")], pair.services.clock.now())) is None


def test_two_of_one_name_are_refused_at_the_start(sqlite: None) -> None:
    with (
        pytest.raises(SetupError, match="two Admins of this app are called 'admin'"),
        Pair("admin"),
    ):
        pass


@pytest.mark.parametrize("name", ["", "Staff", "a b", "9", "x" * 33])
def test_a_name_is_a_word(name: str) -> None:
    with pytest.raises(SetupError, match="a name is of letters"):
        Admin(Auth(), name=name)
