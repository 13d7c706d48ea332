"""An app with users of its own, which was given a back office."""

from collections.abc import Callable, Iterator

import pytest
from httpx2 import Response

from backoffice.migrations import upgrade
from notes.before import PASSWORD, fill
from notes.main import app, auth
from tests.auth.conftest import AppWithAccounts


class Notes(AppWithAccounts):
    """The app, and the ways to ask."""

    def login(self, email: str = "bob@example.com", password: str = PASSWORD) -> Response:
        return self.client.post("/auth/login", data={"username": email, "password": password})

    def token(self, email: str = "bob@example.com", password: str = PASSWORD) -> dict[str, str]:
        """The header of a new sign-in."""
        return {"Authorization": f"Bearer {self.login(email, password).json()['access_token']}"}


def before_and_after(url: str) -> None:
    """The app's own tables with users in them, and then ours."""
    fill(url)
    upgrade(url, user_table="user")


@pytest.fixture
def notes(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Notes]:
    """The app, running."""
    url = database_from_template("notes", before_and_after)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")
    with Notes(auth, app) as found:
        yield found
