"""The fixtures that every app gets serve the bookshop as they are, found by pyproject.toml."""

from collections.abc import Callable
from datetime import timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient

from backoffice.auth.testing import Accounts
from backoffice.core.testing import ManualClock
from example_app.main import app

SignedInAs = Callable[..., TestClient]


def test_the_bookshop_is_found_and_migrated(
    backoffice_app: FastAPI, backoffice_signed_in: SignedInAs
) -> None:
    """Its own Alembic history made the tables of books, and the packages' those of accounts."""
    assert backoffice_app is app
    assert backoffice_signed_in(permissions=["books:read"]).get("/api/books").status_code == 200


def test_it_knows_its_callers_by_each_kind_of_credential(
    backoffice_accounts: Accounts, backoffice_client: TestClient
) -> None:
    ann = backoffice_accounts.user("ann@example.com", permissions=["books:read"])
    for method in ("jwt", "session", "api_key"):
        client = backoffice_accounts.signed_in(user=ann, method=method)
        found = client.get("/api/whoami").json()
        assert (found["id"], found["method"]) == (str(ann.id), method)
    assert backoffice_client.get("/api/whoami").status_code == 401


def test_a_browser_enters_its_admin(backoffice_signed_in: SignedInAs) -> None:
    operator = backoffice_signed_in(superuser=True, method="session")
    assert "Sign out" in operator.get("/admin/").text


def test_its_limits_follow_the_clock_of_the_test(
    backoffice_client: TestClient, backoffice_clock: ManualClock
) -> None:
    answers = [backoffice_client.get("/api/quote").status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]
    backoffice_clock.advance(timedelta(minutes=1))
    assert backoffice_client.get("/api/quote").status_code == 200
