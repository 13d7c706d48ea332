"""Starting what the admin does in the background, and waiting for its end."""

import time
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from backoffice.admin.jobs.models import BulkJob
from backoffice.auth import UserSession
from tests.admin.conftest import House, query_of

#: Seconds; a machine that stalls is no failure.
PATIENCE = 120


def start(house: House, name: str, resource: str = "tags", query: str = "", **form: Any) -> int:
    """Start a job as its question does; its number."""
    sent = {"name": name, "all": "1", "query": query, **form}
    answer = house.send(f"/{resource}/action", sent)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("/admin/bulk-jobs/detail?pk=")
    return int(query_of(answer.headers["location"])["pk"][0])


def ended(house: House, number: int) -> BulkJob:
    """The job, once it is over."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        job = house.get(BulkJob, number)
        assert job is not None
        if job.is_over:
            return job
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def last_session(house: House) -> UUID:
    """The session that was begun last."""

    async def found() -> UUID:
        async with house.services.database.session() as session:
            query = select(UserSession.id).order_by(col(UserSession.created_at).desc())
            return (await session.exec(query.limit(1))).one()

    return house.call(found())
