"""What tests of an app need of the migrations."""

from backoffice.migrations.project import app_history
from backoffice.migrations.runner import upgrade


def prepare(url: str) -> None:
    """Bring a database to the present, as `backoffice migrate up` does from this folder."""
    upgrade(url, app_history())
