"""Each kind of column in the list, the form and the filter, on the databases that have it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from sqlalchemy import create_engine

from backoffice.admin import Admin
from tests.admin.conftest import House, create_tables, fields_of
from tests.admin.extended import Extended
from tests.admin.kinds_library import NOON, Common, Kinds, Pair, Postgres, Size, Special

KEY = UUID(int=7)
OWNER = UUID(int=9)


def tables(url: str) -> None:
    create_tables(url)
    engine = create_engine(url.replace("+aiosqlite", ""))
    Kinds.metadata.create_all(engine)
    if not url.startswith("sqlite"):
        Postgres.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def house(
    settings: None,
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("kinds", tables))
    made = Extended(lambda auth: Admin(auth, models=[Common, Pair, Special]))
    with made as house:
        house.signed_in(superuser=True)
        yield house


def common(**given: Any) -> Common:
    return Common(id=KEY, name="Alpha", **given)


def found(house: House) -> Common:
    record = house.get(Common, KEY)
    assert record is not None
    return record


EACH = [
    ("name", "Beta", "Beta", 'eq="Beta"'),
    ("weight", "0.75", 0.75, 'gt="0.7"'),
    ("height", "1e-3", 0.001, 'lt="0.1"'),
    ("depth", "2.5", 2.5, 'eq="2.5"'),
    ("price", "12.345", Decimal("12.345"), 'eq="12.345"'),
    ("rate", "3.25", 3.25, 'gte="3.25"'),
    ("made", "2025-01-02T03:04:05", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), None),
    ("day", "2024-02-29", date(2024, 2, 29), 'eq="2024-02-29"'),
    ("at", "23:59:01", time(23, 59, 1), None),
    ("lasts", "P1DT2H", timedelta(days=1, hours=2), 'gt="PT1H"'),
    ("size", "L", Size.large, 'eq="L"'),
    ("letter", "b", "b", 'eq="b"'),
    ("owner", str(OWNER), OWNER, f'eq="{OWNER}"'),
    ("extra", '{"a": [1, null]}', {"a": [1, None]}, "is_not_null"),
    ("note", "one\r\ntwo", "one\ntwo", 'contains="two"'),
]


@pytest.mark.parametrize(("name", "typed", "value", "condition"), EACH, ids=[e[0] for e in EACH])
def test_a_value_is_written_shown_sent_back_and_filtered_by(
    house: House, name: str, typed: str, value: object, condition: str | None
) -> None:
    house.add(common(), Common(name="Other"))
    answer = house.send(f"/commons/edit?pk={KEY}", {name: typed})
    assert answer.status_code == 303, answer.text
    assert getattr(found(house), name) == value
    before = found(house).model_dump()
    for page in ("/commons", f"/commons/detail?pk={KEY}", "/commons/export?format=csv"):
        assert house.open(page).status_code == 200
    form = fields_of(house.open(f"/commons/edit?pk={KEY}").text)
    assert house.send(f"/commons/edit?pk={KEY}", form).status_code == 303
    assert found(house).model_dump() == before
    if condition is not None:
        listed = house.open(f"/commons?filter={quote(f'{name}__{condition}')}")
        assert listed.status_code == 200, listed.text
        assert str(KEY) in listed.text
        assert "Other" not in listed.text
    for direction in ("asc", "desc"):
        assert house.open(f"/commons?sort={name}__{direction}").status_code in (200, 400)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("weight", "heavy"),
        ("weight", "inf"),
        ("price", "1.2345"),
        ("made", "yesterday"),
        ("day", "2024-02-30"),
        ("at", "25:00"),
        ("lasts", "long"),
        ("size", "M"),
        ("letter", "z"),
        ("owner", "me"),
        ("extra", "{"),
    ],
)
def test_what_is_no_value_is_told_at_its_field(house: House, name: str, typed: str) -> None:
    house.add(common())
    before = found(house).model_dump()
    answer = house.send(f"/commons/edit?pk={KEY}", {name: typed})
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert fields_of(answer.text)[name] == (typed if name not in ("size", "letter") else "")
    assert found(house).model_dump() == before


@pytest.mark.parametrize(
    "condition",
    ['lasts__gt="x"', 'owner__eq="x"', 'weight__gt="nan"', 'day__eq="x"', 'size__eq="M"'],
)
def test_a_filter_by_what_is_no_value_is_refused(house: House, condition: str) -> None:
    assert house.open(f"/commons?filter={quote(condition)}").status_code == 400


def test_what_is_computed_or_bytes_is_shown_and_not_written(house: House) -> None:
    house.add(common(photo=b"\0\xff\0"))
    page = house.open(f"/commons/edit?pk={KEY}").text
    assert {"twice", "photo"}.isdisjoint(fields_of(page))
    assert "3 bytes" in page
    assert house.send(f"/commons/edit?pk={KEY}", {"name": "Longer"}).status_code == 303
    assert (found(house).twice, found(house).photo) == (12, b"\0\xff\0")
    assert house.open("/commons?filter=photo__is_not_null").status_code == 200


def test_what_looks_secret_is_nowhere(house: House) -> None:
    house.add(common())
    for page in ("", f"/detail?pk={KEY}", f"/edit?pk={KEY}", "/add", "/export?format=json"):
        assert "token" not in house.open(f"/commons{page}").text.replace("csrf_token", "")
        assert "never-shown" not in house.open(f"/commons{page}").text
    house.send(f"/commons/edit?pk={KEY}", {"api_token": "mine"})
    assert found(house).api_token == "never-shown"
    assert house.open('/commons?filter=api_token__eq="never-shown"').status_code == 400
    assert str(KEY) not in house.open("/commons?q=never-shown").text


def test_a_record_with_a_key_of_two_columns(house: House) -> None:
    form = {"day": "2024-02-29", "code": "a,b/c", "count": "1"}
    assert house.send("/pairs/add", form).status_code == 303
    page = house.open("/pairs").text
    path = page.partition('href="/admin/pairs/edit?pk=')[2].partition('"')[0]
    assert house.send(f"/pairs/edit?pk={path}", {"count": "2"}).status_code == 303
    (record,) = house.all(Pair)
    assert (record.day, record.code, record.count) == (date(2024, 2, 29), "a,b/c", 2)


def special(house: House) -> Special:
    (record,) = house.all(Special)
    return record


def held(record: Special) -> dict[str, Any]:
    """Its columns; not as pydantic dumps them, for a driver gives addresses where it has texts."""
    return {name: getattr(record, name) for name in Special.model_fields}


SPECIAL = [
    ("address", "10.0.0.1", "10.0.0.1", 'eq="10.0.0.1"'),
    ("host", "10.0.0.2", "10.0.0.2", 'eq="10.0.0.2"'),
    ("net", "10.0.0.0/8", "10.0.0.0/8", 'eq="10.0.0.0/8"'),
    ("lasts", "PT90S", "0:01:30", 'lt="PT2M"'),
    ("tags", "one\r\n two ", "['one', 'two']", "is_not_null"),
    ("tags", '["a\\nb", " c"]', "['a\\nb', ' c']", None),
    ("numbers", "1\r\n2", "[1, 2]", "is_not_null"),
    ("grid", "[[1, 2], [3, 4]]", "[[1, 2], [3, 4]]", "is_not_null"),
    ("ages", "[1,5)", "[1,5)", "is_not_null"),
    ("prices", "[1.5,]", "[1.5,)", "is_not_null"),
    ("days", "[2024-01-01,2024-02-01)", "[2024-01-01,2024-02-01)", "is_not_null"),
    ("open", "[2024-01-01T00:00,)", "[2024-01-01 00:00:00+00:00,)", "is_not_null"),
    ("extra", '{"a": 1}', "{'a': 1}", "is_not_null"),
]


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("name", "typed", "shown", "condition"), SPECIAL)
def test_a_value_that_postgresql_alone_has(
    house: House, name: str, typed: str, shown: str, condition: str | None
) -> None:
    house.add(
        Special(
            address=IPv4Address("10.9.9.9"), host="10.9.9.8", words="a b", bits="101", cash="12.5"
        )
    )
    answer = house.send("/specials/edit?pk=1", {name: typed})
    assert answer.status_code == 303, answer.text
    assert str(getattr(special(house), name)) == shown
    before = held(special(house))
    assert house.open(f"/specials?sort={name}__desc").status_code in (200, 400)
    for page in ("", "/detail?pk=1", "/export?format=csv"):
        assert house.open(f"/specials{page}").status_code == 200
    form = fields_of(house.open("/specials/edit?pk=1").text)
    assert house.send("/specials/edit?pk=1", form).status_code == 303
    assert held(special(house)) == before
    if condition is not None:
        path = f"/specials?filter={quote(f'{name}__{condition}')}"
        assert 'name="pks" value="1"' in house.open(path).text
    assert house.send("/specials/edit?pk=1", {name: ""}).status_code == 303
    assert not getattr(special(house), name)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("address", "10.0.0.999"),
        ("net", "10.0.0.1/8"),
        ("numbers", "one"),
        ("numbers", '{"a": 1}'),
        ("grid", "[[1, 2], 3]"),
        ("ages", "1-5"),
        ("ages", "[5,1)"),
        ("days", "[today,)"),
    ],
)
def test_what_is_no_value_of_postgresql_is_told(house: House, name: str, typed: str) -> None:
    house.add(Special())
    before = held(special(house))
    answer = house.send("/specials/edit?pk=1", {name: typed})
    assert answer.status_code == 422
    assert typed in fields_of(answer.text)[name]
    assert held(special(house)) == before


def test_the_defaults_of_a_model_stand_in_its_empty_form(house: House) -> None:
    form = fields_of(house.open("/commons/add").text)
    assert form["made"] == NOON.replace(tzinfo=None).isoformat()
    assert (form["price"], form["size"], form["weight"]) == ("1.50", "S", "0.5")
    answer = house.send("/commons/add", form | {"name": "New"})
    assert answer.status_code == 303, answer.text
