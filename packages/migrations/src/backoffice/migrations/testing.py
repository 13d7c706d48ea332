"""What tests of an app need of the migrations."""

from backoffice.core.errors import SetupError
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
