"""Whatever is sent to the routes of roles gets a clear answer, from both databases."""

import uuid
from typing import Any

import pytest

from tests.auth.conftest import House

ID = uuid.UUID(int=1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/roles?after=%00", None, 422),
        ("GET", "/roles?limit=0", None, 422),
        ("GET", "/roles/1", None, 422),
        ("GET", "/permissions/books/users", None, 422),
        ("GET", "/permissions/books:read/users?after=%00", None, 422),
        ("GET", "/users/%00/permissions", None, 404),
        ("GET", f"/users/{ID}/permissions", None, 404),
        ("PUT", f"/users/{ID}/roles/%00", {}, 422),
        ("PUT", f"/users/{ID}/permissions/books:read", {"expires_at": "2100-01-01"}, 422),
        ("POST", "/roles", {"name": "a\0b"}, 422),
        ("POST", "/roles", {"name": "a", "description": "\0"}, 422),
        ("POST", "/roles", {"name": "a", "includes": ["\0"]}, 422),
        ("POST", "/roles", {"name": "a", "includes": ["b"]}, 404),
        ("POST", "/roles", {"name": "a", "permissions": ["read books"]}, 422),
        ("POST", "/roles", {"name": "a", "admin": True}, 422),
    ],
)
def test_whatever_is_sent_gets_a_clear_answer(
    house: House, method: str, path: str, body: Any, status: int
) -> None:
    key = {"X-API-Key": house.key(house.user("root@example.com", superuser=True))}
    answer = house.client.request(method, f"/auth{path}", json=body, headers=key)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]["message"]
