"""Looks, before an app serves anything, whether its database is at the present.

It reads the version rows, and the files as text: Alembic is imported only where there is something
to do, since that alone takes longer than all of this.
"""

import logging
from collections.abc import Sequence
from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from sqlalchemy import Connection

from backoffice.core.database import Database
from backoffice.core.database import database as app_database
from backoffice.core.errors import Conflict
from backoffice.core.settings import load
from backoffice.core.singletons import Singleton, singleton
from backoffice.migrations.histories import APP, PackageHistory, Revision, installed, ordered
from backoffice.migrations.locations import surely_ours, version_table
from backoffice.migrations.project import AppHistory, app_history
from backoffice.migrations.scripts import Script, ancestors, heads, oldest_first
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.standings import Standing, standing, unsynced_standings, versions
from backoffice.migrations.vendored import Modes, modes

log: logging.Logger = logging.getLogger(__name__)

Found = list[Standing]


async def _up_to_date(database: Annotated[Database, Depends(app_database)]) -> Found:
    found = await look(database, app_history())
    refuse(found, allow_ahead=load(MigrationSettings).allow_ahead)
    return found


async def _upgraded(database: Annotated[Database, Depends(app_database)]) -> Found:
    app = app_history()
    if any(each.state == "pending" for each in await look(database, app)):
        await _upgrade(database, app)
    found = await look(database, app)
    refuse(found, allow_ahead=load(MigrationSettings).allow_ahead)
    return found


#: Opened before the app serves: refuses a database that is behind or ahead of the code.
#: `FastAPI(lifespan=singletons(up_to_date))`; its value is where each history stands.
up_to_date: Singleton[Found] = singleton(_up_to_date)

#: The same, which first does what `backoffice migrate up` does; of many processes one works.
upgraded: Singleton[Found] = singleton(_upgraded)


async def look(
    database: Database,
    app: AppHistory | None,
    histories: Sequence[PackageHistory] | None = None,
) -> Found:
    """Where the database stands in each history, the app's own among them; changes nothing.

    Where env.py computes the name of its version table, it is run, which takes longer.
    """
    known = ordered(installed() if histories is None else histories)
    parts = await to_thread.run_sync(modes, app, known)
    table = version_table(app) if app is not None else None
    if app is not None and (table is None or not parts.complete):
        from backoffice.migrations.runner import status

        url = database.url.render_as_string(hide_password=False)
        return await to_thread.run_sync(lambda: status(url, app, histories=known))
    tables = [each.version_table for each in parts.managed]
    async with database.session() as session:
        connection = await session.connection()
        rows = await connection.run_sync(versions, [*tables, *([table] if table else [])])
    found = [standing(each, rows[each.version_table]) for each in parts.managed]
    if table is not None:
        found.append(app_standing(parts, rows[table]))
    return [*found, *unsynced_standings(parts)]


def app_standing(parts: Modes, current: tuple[str, ...]) -> Standing:
    """Where a database with these version rows stands in the app's own history."""
    scripts: tuple[Script, ...] = parts.scripts
    ends = heads(scripts)
    if not set(current) <= {each.id for each in scripts}:
        return Standing(APP, "ahead", current, ends)
    applied = ancestors(scripts, current)
    left = tuple(
        Revision(each.id, each.doc, may_wait=each.may_wait)
        for each in oldest_first(scripts)
        if each.id not in applied
    )
    if len(ends) > 1:
        return Standing(APP, "split", current, ends, left)
    return Standing(APP, "pending" if left else "present", current, ends, left)


def settled(connection: Connection, app: AppHistory, parts: Modes) -> bool:
    """Whether the app's history is at its head for certain, so that env.py need not be run."""
    table = (
        version_table(app) if parts.complete and surely_ours(app, connection.engine.url) else None
    )
    if table is None:
        return False
    with connection.begin():
        rows = versions(connection, [table])[table]
    return bool(rows) and app_standing(parts, rows).state == "present"


def refuse(found: Sequence[Standing], *, allow_ahead: bool = False) -> None:
    """Conflict where the code and the database do not fit each other, with what to do."""
    for each in found:
        if each.state == "pending" and not all(one.may_wait for one in each.pending):
            raise Conflict(
                f"{each.history}: {len(each.pending)} revisions are not applied "
                f"({_some(each.pending)}); run `backoffice migrate up` before the app starts",
                code="database_behind",
                history=each.history,
            )
        if each.state == "ahead" and not allow_ahead:
            raise Conflict(
                f"{each.history}: the database is at {', '.join(each.current)}, which this version "
                "does not have; install the version that made it, or a newer one, or serve all the "
                "same by BACKOFFICE_MIGRATIONS__ALLOW_AHEAD=true",
                code="database_ahead",
                history=each.history,
            )
        if each.state == "split":
            raise Conflict(
                f"{each.history}: the history has several heads ({', '.join(each.heads)}); join "
                "them by `alembic merge heads`",
                code="several_heads",
                history=each.history,
            )


def _some(revisions: Sequence[Revision]) -> str:
    ids = [each.id for each in revisions]
    return ", ".join(ids if len(ids) <= 3 else [*ids[:2], "...", ids[-1]])


async def _upgrade(database: Database, app: AppHistory | None) -> None:
    from backoffice.migrations.runner import upgrade

    url = database.url.render_as_string(hide_password=False)
    for each in await to_thread.run_sync(upgrade, url, app):
        log.info("applied %s of %s", each.revision, each.history)
