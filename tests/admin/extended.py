"""An app whose admin a test makes itself, on the tables of the library."""

from collections.abc import Callable

from fastapi import FastAPI

from backoffice.admin import Admin
from backoffice.auth import Auth
from tests.admin.conftest import House
from tests.auth.conftest import AppWithAccounts


class Extended(House):
    """An app with the admin that `made` makes for its accounts; runs within `with house:`."""

    def __init__(self, made: Callable[[Auth], Admin]) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = made(self.auth)
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")
