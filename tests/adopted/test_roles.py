"""Roles that include roles, and grants for a while, of users in the app's own table."""

from datetime import UTC, datetime, timedelta

import pytest

from backoffice.auth.effective import Path
from tests.adopted.conftest import Notes


def test_what_users_hold_is_found_by_the_apps_own_key(notes: Notes) -> None:
    services = notes.services
    bob = notes.call(services.users.find("bob@example.com"))
    notes.call(services.roles.create("reporter", ["reports:read"], actor="test"))
    notes.call(services.roles.create("chief", includes=["reporter"], actor="test"))
    assert notes.client.get("/reports", headers=notes.token()).status_code == 403
    until = datetime.now(UTC) + timedelta(hours=1)
    notes.call(services.roles.grant(bob.id, "chief", until, actor="test"))
    notes.call(services.grants.give(bob.id, "users:view", actor="test"))
    assert notes.client.get("/reports", headers=notes.token()).status_code == 200
    found = notes.call(services.effective.of_user(bob.id))
    assert found.paths("reports:read") == [
        Path("role", "reports:read", ("chief", "reporter"), until)
    ]
    assert found.changes_at == until
    assert notes.call(services.effective.of_users([bob.id])) == {bob.id: found.permissions}
    emails = [each.email for each in notes.call(services.effective.who_can("reports:read"))]
    assert "bob@example.com" in emails


def test_grants_are_managed_over_http_by_the_apps_own_key(notes: Notes) -> None:
    services = notes.services
    bob = notes.call(services.users.find("bob@example.com"))
    managing = ["users:view", "users:change", "permissions:view", "reports:read"]
    client = notes.accounts.signed_in("carol@example.com", permissions=managing)
    path = f"/auth/users/{bob.id}/permissions"
    assert client.put(f"{path}/reports:read", json={}).status_code == 204
    assert client.get(path).json()["permissions"] == ["reports:read"]
    holders = client.get("/auth/permissions/reports:read/users").json()
    assert {"id": bob.id, "email": "bob@example.com"} in holders
    assert client.delete(f"{path}/reports:read").status_code == 204
    assert client.get("/auth/users/999999/permissions").status_code == 404
    assert client.get("/auth/users/1e3/permissions").status_code == 404


@pytest.mark.parametrize(
    "written", ["2147483648", str(2**63 - 1), str(2**63), "9" * 5000, "0", "-1", "01", "%D9%A1"]
)
def test_a_key_that_the_table_cannot_hold_is_nobodys(notes: Notes, written: str) -> None:
    client = notes.accounts.signed_in("carol@example.com", permissions=["users:view"])
    assert client.get(f"/auth/users/{written}").status_code == 404
