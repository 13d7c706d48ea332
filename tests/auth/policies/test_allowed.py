"""`Allowed[Schema]`: nobody is shown what they may not read, or writes what they may not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from backoffice.auth import Auth
from backoffice.auth.fields import FieldRules
from backoffice.core import SetupError
from tests.auth.conftest import AppWithAccounts, create_tables
from tests.auth.policies.papers import Paper, Shelf
from tests.auth.policies.test_policies import ANYBODY
from tests.auth.policies.wardrobe import ANSWERS, READ, WRITE, Changes, Shown, built
from tests.services.databases import Databases

KNOWN = sorted(ANSWERS.keys() - {"unknown"})


@pytest.fixture
def app(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppWithAccounts]:
    with sqlite_databases.copy("auth", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with built() as found:
            yield found


def keys(value: Any) -> set[str]:
    """All keys of a document, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_what_one_may_not_read_is_left_out_of_any_shape(
    app: AppWithAccounts, subtests: pytest.Subtests
) -> None:
    """By its alias, computed, inherited, in lists, schemas and tuples; of `def` routes too."""
    anybody = app.accounts.signed_in()
    reader = app.accounts.signed_in(permissions=[READ])
    for path in (*KNOWN, *(f"sync/{each}" for each in KNOWN)):
        with subtests.test(path):
            hidden, whole = anybody.get(f"/{path}"), reader.get(f"/{path}")
            assert hidden.status_code == whole.status_code == 200
            assert not {"cost", "price", "margin"} & keys(hidden.json())
            assert keys(whole.json()) - keys(hidden.json()) == {"cost", "margin"}
            assert "id" in keys(hidden.json())


def test_strangers_read_what_has_no_rule(app: AppWithAccounts) -> None:
    assert app.client.get("/feed").json() == {"id": 1}
    assert app.accounts.signed_in(permissions=[READ]).get("/feed").json()["cost"] == 2.0


def test_a_key_reads_within_its_scopes(app: AppWithAccounts) -> None:
    """Whatever its owner may."""
    narrow = app.accounts.signed_in(superuser=True, method="api_key", scopes=["users:view"])
    assert narrow.get("/one").json() == {"id": 1}


def test_a_route_without_a_guard_answers_nobody(app: AppWithAccounts) -> None:
    """Nor after somebody who may read all was answered."""
    app.accounts.signed_in(superuser=True).get("/one")
    with pytest.raises(PydanticSerializationError, match="guard the route"):
        app.client.get("/open")


def test_a_request_within_a_request_has_a_reader_of_its_own(app: AppWithAccounts) -> None:
    """What it may read, whoever asked for it may not."""
    root = app.user("root@example.com", superuser=True)
    _, key = app.call(app.services.keys.create(root, "inner", actor="test"))
    answer = app.accounts.signed_in().get("/through", params={"key": key})
    assert answer.json() == {"id": 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/change", {"level": 1}),
        ("/change", {"level": None}),
        ("/stranger", {"level": 1}),
        ("/batch", {"changes": [{"title": "a"}, {"level": 1}]}),
        ("/list", [{"title": "a"}, {"level": 1}]),
    ],
)
def test_writing_what_one_may_not_is_refused_by_name(
    app: AppWithAccounts, path: str, body: Any
) -> None:
    """Emptying it is writing as well; who may is let through."""
    answer = app.accounts.signed_in().post(path, json=body)
    assert answer.status_code == 403
    detail = answer.json()["detail"]
    assert (detail["code"], detail["fields"]) == ("field_not_permitted", ["level"])
    assert app.accounts.signed_in(permissions=[WRITE]).post(path, json=body).json() == body


def test_what_one_may_not_read_one_may_not_write(app: AppWithAccounts) -> None:
    """By its alias, and by its name where a schema takes anything; with what else is refused."""
    anybody = app.accounts.signed_in()
    for body in ({"cost": 1.0}, {"price": 1.0}, {"margin": 1.0}):
        assert anybody.post("/change", json=body).status_code == 403
    refused = anybody.post("/change", json={"cost": 1.0, "level": 2, "title": "a"})
    assert refused.json()["detail"]["fields"] == ["level", "price"]
    assert anybody.post("/change", json={"title": "a"}).json() == {"title": "a"}


def test_a_stranger_is_asked_who_they_are(app: AppWithAccounts) -> None:
    """Before a field is named, and of a bad credential too."""
    assert app.client.post("/stranger", json={"level": 1}).status_code == 401
    bad = {"Authorization": "Bearer nonsense"}
    assert app.client.post("/stranger", json={"level": 1}, headers=bad).status_code == 401
    assert app.client.post("/stranger", json={"title": "a"}).json() == {"title": "a"}


def test_a_body_that_is_none_is_told_as_ever(app: AppWithAccounts) -> None:
    anybody = app.accounts.signed_in()
    assert anybody.post("/change", json={"level": "x"}).status_code == 422
    assert anybody.post("/change", content=b"{").status_code == 422


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_schema_of_no_rules_is_told_to_whoever_wrote_the_route(
    app: AppWithAccounts, method: str
) -> None:
    """Rather than shown, or taken, whole."""
    client: TestClient = app.accounts.signed_in(superuser=True)
    with pytest.raises(
        (SetupError, PydanticSerializationError), match=r"Unknown: no rules .*schemas="
    ):
        client.request(method, "/unknown", json={})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"read": {"prise": READ}}, r"no field 'prise' \(did you mean price\?\)"),
        ({"write": {"id": WRITE}}, "the key of Paper"),
        ({"read": {"price": "read price"}}, "is not a permission"),
        ({"schemas": [dict]}, "classes of pydantic"),
        ({"schemas": [BaseModel]}, "classes of pydantic"),
    ],
)
def test_rules_name_what_there_is(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        Auth().fields(Paper, **rules)


def test_a_rule_of_what_inherits_opens_nothing_that_was_closed() -> None:
    """To hide a field of a narrower schema is not to let its readers write it."""
    rules = FieldRules()
    rules.declare(Paper, {}, {"price": WRITE}, [Changes])
    rules.declare(Shelf, {"price": READ}, {}, [Narrower])
    reader = replace(ANYBODY, permissions=frozenset({READ}))
    assert rules.unwritable(Narrower, reader) == {"price"}
    assert rules.unwritable(Narrower, replace(reader, permissions=frozenset({WRITE}))) == set()


class Narrower(Changes):
    """With a rule of its own beside those of the one that it inherits from."""


def test_rules_stand_at_one_place() -> None:
    auth = Auth()
    auth.fields(Paper, read={"price": READ}, schemas=[Shown])
    with pytest.raises(SetupError, match="already"):
        auth.fields(Paper, write={"level": WRITE})
    with pytest.raises(SetupError, match="a class with a table"):
        auth.fields(Changes, read={"price": READ})


def test_the_document_shows_the_schemas_as_they_are(app: AppWithAccounts) -> None:
    """By their names, for clients that are made from it."""
    document = app.client.get("/openapi.json").json()
    body = document["paths"]["/change"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"].endswith("/Changes")
    answer = document["paths"]["/one"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["$ref"].endswith("/Shown")
