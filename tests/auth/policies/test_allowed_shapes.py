"""`Allowed[Schema]`: what is hidden is found in whatever shape it is shown, or nothing is shown."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, TypeAdapter, model_serializer
from pydantic_core import PydanticSerializationError
from starlette.requests import HTTPConnection
from typing_extensions import TypedDict

from backoffice.auth import Allowed, Auth
from backoffice.auth.allowed import begin_reading
from backoffice.auth.fields import FieldRules
from backoffice.core import SetupError
from tests.auth.conftest import AppWithAccounts, create_tables
from tests.auth.policies.papers import Paper
from tests.services.databases import Databases

READ = "papers:read-price"
#: As a type checker cannot know it, of types that are chosen as it runs.
ALLOWED: Any = Allowed
SECRET = 4242.0


class Shown(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: int = 1
    price: float = SECRET


class Loose(BaseModel):
    """Takes whatever it is given."""

    model_config = ConfigDict(extra="allow")


class Aliased(BaseModel):
    price: float = Field(SECRET, serialization_alias="cost")


class Renamed(Aliased):
    price: float = Field(SECRET, serialization_alias="worth")


class Configured(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)

    price: float = Field(SECRET, alias="cost")


class Reworded(BaseModel):
    price: float = SECRET

    @model_serializer
    def reworded(self) -> dict[str, Any]:
        return {"worth": self.price}


class Rearranged(BaseModel):
    """Of no rules itself."""

    items: list[Shown] = [Shown()]

    @model_serializer(mode="wrap")
    def rearranged(self, handler: Any) -> dict[str, Any]:
        return {"data": handler(self)["items"]}


@dataclass(slots=True)
class Box:
    item: Shown = field(default_factory=Shown)


class Entry(TypedDict):
    before: str | None
    items: list[Shown]


class Mixed(BaseModel):
    box: Box = Box()
    items: set[Shown] = {Shown()}


@pytest.fixture
def rules() -> FieldRules:
    found = FieldRules()
    schemas: list[type[BaseModel]] = [Shown, Loose, Aliased, Configured, Reworded]
    found.declare(Paper, {"price": READ}, {}, schemas)
    return found


@pytest.fixture
def reading(rules: FieldRules) -> Iterator[None]:
    """A request of somebody who may not read prices."""
    with ExitStack() as ending:
        scope = {"type": "http", "fastapi_inner_astack": ending}
        begin_reading(HTTPConnection(scope), rules, None)
        yield


def shown(kind: Any, value: Any, **how: Any) -> str:
    return repr(TypeAdapter(kind).dump_python(value, mode="json", **{"by_alias": True, **how}))


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (set[Shown], {Shown()}),
        (frozenset[Shown], frozenset({Shown()})),
        (deque[Shown], deque([Shown()])),
        (tuple[Shown, ...], (Shown(),)),
        (dict[int, Shown], {1: Shown()}),
        (Box, Box()),
        (Mixed, Mixed()),
        (Any, {"a": [Shown()]}),
        (Loose, Loose.model_validate({"price": SECRET})),
        (Loose, Loose.model_validate({"inner": Shown()})),
        (Aliased, Renamed.model_validate({})),
        (SerializeAsAny[Aliased], Renamed.model_validate({})),
    ],
)
def test_what_is_hidden_is_left_out_of_every_shape(kind: Any, value: Any) -> None:
    """Sets, dataclasses, fields that the schema does not name, aliases of a class that inherits."""
    found = shown(ALLOWED[kind], value)
    assert str(SECRET) not in found


@pytest.mark.usefixtures("reading")
def test_what_is_left_out_otherwise_moves_nothing() -> None:
    """Nor does an alias that only the schema's own settings ask for."""
    entry: Entry = {"before": None, "items": [Shown()]}
    assert shown(ALLOWED[Entry], entry, exclude_none=True) == "{'items': [{'id': 1}]}"
    assert shown(ALLOWED[Configured], Configured.model_validate({}), by_alias=None) == "{}"


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("kind", "value", "how"),
    [
        (Any, {"items": iter([Shown()])}, {}),
        (list[Shown | list[int]], [[1], Shown()], {"exclude": {0}}),
        (Reworded, Reworded(), {}),
        (Rearranged, Rearranged(), {}),
    ],
    ids=["iterator", "places", "serialiser", "serialiser around"],
)
def test_what_cannot_be_told_from_what_is_hidden_is_not_shown(
    kind: Any, value: Any, how: dict[str, Any]
) -> None:
    with pytest.raises(PydanticSerializationError, match="cannot be told"):
        shown(ALLOWED[kind], value, **how)


class Changes(BaseModel):
    price: float | None = None


@dataclass
class Parcel:
    changes: Changes


class Stream(BaseModel):
    changes: Iterable[Changes]


@pytest.fixture
def app(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppWithAccounts]:
    auth, found = Auth(), FastAPI()
    found.include_router(auth.router, prefix="/auth")
    auth.fields(Paper, write={"price": READ}, schemas=[Changes])

    @found.post("/parcel", dependencies=[auth.require()])
    async def parcel(parcel: Allowed[Parcel]) -> None: ...

    @found.post("/stream", dependencies=[auth.require()])
    async def stream(stream: Allowed[Stream]) -> None: ...

    with sqlite_databases.copy("auth", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with AppWithAccounts(auth, found) as running:
            yield running


def test_a_body_is_looked_through_in_every_shape(app: AppWithAccounts) -> None:
    """Within a dataclass too; what is read only as it is used is refused."""
    anybody = app.accounts.signed_in()
    refused = anybody.post("/parcel", json={"changes": {"price": 1}})
    assert refused.status_code == 403
    assert refused.json()["detail"]["fields"] == ["price"]
    assert anybody.post("/parcel", json={"changes": {}}).status_code == 200
    with pytest.raises(SetupError, match=r"list\[...\]"):
        anybody.post("/stream", json={"changes": [{"price": 1}]})
