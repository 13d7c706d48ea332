"""What `backoffice doctor` says of the migrations."""

from collections.abc import AsyncIterator

from anyio import to_thread

from backoffice.core.checks import Finding
from backoffice.core.database import database
from backoffice.core.singletons import Run
from backoffice.migrations.project import app_history
from backoffice.migrations.runner import status
from backoffice.migrations.standings import Standing, unsynced_words

PENDING, AHEAD, HEADS = "migrations.pending", "migrations.ahead", "migrations.heads"
FIX = "run `backoffice migrate up`"


async def migration_checks(run: Run) -> AsyncIterator[Finding]:
    """A finding for each history: whether the database is at its head."""
    opened = await run.open(database)
    url = opened.url.render_as_string(hide_password=False)
    for standing in await to_thread.run_sync(status, url, app_history()):
        yield finding(standing)


def finding(standing: Standing) -> Finding:
    """What a standing means to whoever runs the app."""
    of = standing.history
    if standing.state == "present":
        return Finding(PENDING, "ok", f"{of}: at {', '.join(standing.current) or 'the present'}")
    if standing.state == "pending":
        ids = ", ".join(revision.id for revision in standing.pending)
        return Finding(PENDING, "error", f"{of}: {len(standing.pending)} pending: {ids}", FIX)
    if standing.state == "ahead":
        told = f"{of}: the database is at {', '.join(standing.current)}, unknown to this version"
        return Finding(AHEAD, "error", told, "install the version that made it, or a newer one")
    if standing.state == "unsynced":
        return Finding(PENDING, "error", unsynced_words(standing), "commit what it copies")
    told = f"{of}: the history has several heads: {', '.join(standing.heads)}"
    return Finding(HEADS, "error", told, "join them by `alembic merge heads`")
