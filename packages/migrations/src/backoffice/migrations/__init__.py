"""Brings the tables of the packages, and the app's own Alembic history, to the present."""

from backoffice.migrations.autogenerate import env_options
from backoffice.migrations.errors import RevisionFailed
from backoffice.migrations.histories import Migration, PackageHistory, Revision, installed
from backoffice.migrations.project import AppHistory, app_history
from backoffice.migrations.runner import offline_sql, status, upgrade
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.standings import Standing, pending
from backoffice.migrations.startup import up_to_date, upgraded

__all__ = [
    "AppHistory",
    "Migration",
    "MigrationSettings",
    "PackageHistory",
    "Revision",
    "RevisionFailed",
    "Standing",
    "app_history",
    "env_options",
    "installed",
    "offline_sql",
    "pending",
    "status",
    "up_to_date",
    "upgrade",
    "upgraded",
]
