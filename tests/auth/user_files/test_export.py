"""Every account as a file, which can be imported again."""

import csv
import io
from typing import Any

import pytest

from backoffice.auth.user_files import exports
from backoffice.auth.user_files.terms import Terms
from tests.auth.conftest import House
from tests.auth.user_files.conftest import BROUGHT, Importer, people

LINES: list[dict[str, Any]] = [
    {"email": "ann@example.com", "password_hash": BROUGHT, "is_verified": True},
    {"email": "=off@example.com", "is_active": False, "created_at": "2020-02-03T04:05:06.5Z"},
    {"email": "robot@example.com", "service": True, "roles": ["editor", "a|b"]},
    {"email": "root@example.com", "is_superuser": True},
]


def exported(house: House, form: str, **options: Any) -> str:
    async def collected() -> str:
        lines = house.services.exports.lines(form, actor="test", **options)
        return "".join([text async for text, _ in lines])

    return house.call(collected())


@pytest.fixture
def there(house: House, importer: Importer) -> None:
    """Accounts of every kind."""
    for name in ("editor", "a|b"):
        house.accounts.role(name, "books:read")
    assert importer(*LINES, superusers=True) == {"created": 4}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.usefixtures("there")
def test_what_is_exported_is_imported_as_it_was(
    house: House, importer: Importer, form: str
) -> None:
    before = sorted(exported(house, form, with_hashes=True).splitlines())
    path = importer.report.with_name(f"users.{form}")
    path.write_text(exported(house, form, with_hashes=True))
    for each in LINES[:3]:
        house.call(house.services.users.delete(importer.user(each["email"]).id, actor="test"))
    terms = Terms(form, superusers=True)
    found = house.call(importer.load_file(path, terms))
    assert (found.counts.created, found.counts.skipped, found.counts.refused) == (3, 1, 0)
    assert sorted(exported(house, form, with_hashes=True).splitlines()) == before


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.usefixtures("there")
def test_there_are_no_hashes_unless_they_are_asked_for(house: House, form: str) -> None:
    assert "pbkdf2" not in exported(house, form)
    assert exported(house, form, with_hashes=True).count("pbkdf2") == 1


@pytest.mark.usefixtures("there")
def test_no_cell_of_csv_is_a_formula(house: House) -> None:
    cells = [cell for row in csv.reader(io.StringIO(exported(house, "csv"))) for cell in row]
    assert "'=off@example.com" in cells
    assert not [each for each in cells if each[:1] in tuple("=+-@\t\r")]


def test_each_account_is_there_once_whatever_the_pages(
    house: House, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 7)
    importer(*people(50))
    addresses = [each["email"] for each in csv.DictReader(io.StringIO(exported(house, "csv")))]
    assert sorted(addresses) == sorted(f"p{number}@example.com" for number in range(50))


def test_roles_for_a_while_are_left_out(house: House, importer: Importer) -> None:
    house.accounts.role("editor", "books:read")
    importer(*people(1))
    until = house.services.clock.now().replace(year=2100)
    id = importer.user("p0@example.com").id
    house.call(house.services.roles.grant(id, "editor", until, actor="test"))
    assert '"roles": []' in exported(house, "jsonl")


def test_that_somebody_exports_is_in_the_log(house: House, importer: Importer) -> None:
    exported(house, "csv", with_hashes=True)
    entry = house.call(house.services.audit.entries(event="auth.users_exported"))[0]
    assert (entry.actor, entry.data) == ("test", {"with_hashes": True})
    assert importer.events() == ["users_exported"]
