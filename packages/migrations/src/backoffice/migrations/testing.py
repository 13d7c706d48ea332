"""What tests of an app need of the migrations."""

from collections.abc import Callable

from sqlalchemy import Connection

from backoffice.core.errors import SetupError
from backoffice.migrations.guards.examination import Examination
from backoffice.migrations.guards.faults import Check, Fault
from backoffice.migrations.project import app_history
from backoffice.migrations.runner import status, upgrade


def prepare(url: str) -> None:
    """Bring a database to the present, as `backoffice migrate up` does from this folder.

    SetupError where the app's env.py leads to another database: that one is not for tests.
    """
    history = app_history()
    status(url, history, tell=_stay_here)  # changes nothing, wherever it leads
    upgrade(url, history)


def _stay_here(told: str) -> None:
    if "is not BACKOFFICE_DATABASE_URL" in told:
        raise SetupError(
            f"{told.removeprefix('warning: ').strip()}: tests would change that database. Let "
            'env.py take config.attributes["connection"], as Alembic\'s cookbook has it, or leave '
            "sqlalchemy.url out of alembic.ini"
        )


class MigrationChecks:
    """The checks of `backoffice migrate check`, of the history of this folder.

    `database_url` is of the kind that the temporary database is to be, and of its server; `seeds`,
    `rows` and `since` are as the command has them.
    """

    def __init__(
        self,
        database_url: str,
        *,
        seeds: Callable[[Connection, str], None] | None = None,
        rows: bool = True,
        since: str | None = None,
    ) -> None:
        self._url = database_url
        self._seeds, self._rows, self._since = seeds, rows, since

    def faults(self, *checks: Check) -> list[Fault]:
        """What these checks find; notes as well."""
        asked = Examination(
            self._url,
            app_history(),
            checks=checks,
            seeds=self._seeds,
            rows=self._rows,
            since=self._since,
        )
        return asked.faults()

    def check(self, *checks: Check) -> None:
        """AssertionError with all that these checks find."""
        found = [str(each) for each in self.faults(*checks) if not each.note]
        if found:
            raise AssertionError("\n".join(["the migrations have faults:", *found]))
