"""Several import at once, or the app writes meanwhile: each account is made once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from backoffice.auth.user_files.batches import Batches
from backoffice.auth.user_files.granted import Granted
from backoffice.auth.user_files.imports import Imported
from backoffice.auth.user_files.rows import Row
from backoffice.auth.user_files.terms import Terms
from backoffice.core import Conflict
from tests.auth.conftest import House
from tests.auth.user_files.conftest import JSON, Importer, people


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer at a time; on a busy machine the others wait for longer."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", "60")


def all_at_once(house: House, *loads: Any) -> list[Imported]:
    async def together() -> list[Imported]:
        return list(await asyncio.gather(*loads))

    return house.call(together())


def test_three_who_import_one_file_share_the_work(house: House, importer: Importer) -> None:
    lines = [*people(3500), {"email": "nobody"}]
    found = all_at_once(house, *(importer.load(lines) for _ in range(3)))
    assert {(each.counts.created, each.counts.refused) for each in found} == {(3500, 1)}
    assert importer.events().count("user_created") == 3500
    assert importer.events().count("users_imported") == 1


def test_two_files_with_the_same_accounts_make_each_once(house: House, importer: Importer) -> None:
    lines = people(2500)
    loads = (importer.load(each) for each in (lines, list(reversed(lines))))
    found = all_at_once(house, *loads)
    assert sum(each.counts.created for each in found) == 2500
    assert sum(each.counts.skipped for each in found) == 2500
    assert importer.events().count("user_created") == 2500


# SQLite has one writer at a time: there nobody comes in between.
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_an_account_that_is_made_while_its_line_is_written_is_left_as_it_is(
    house: House, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Batches._known

    async def and_then_somebody_comes(self: Batches, session: Any, rows: Sequence[Row]) -> Any:
        found = await known(self, session, rows)
        if len(rows) > 1:
            await house.services.users.create("p1@example.com", "another password", actor="test")
        return found

    monkeypatch.setattr(Batches, "_known", and_then_somebody_comes)
    assert importer(*people(3)) == {"created": 2, "skipped": 1}


def test_a_role_that_goes_meanwhile_costs_its_own_lines_alone(
    house: House, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.accounts.role("editor", "books:read")
    known = Batches._known

    async def a_role_that_is_gone(self: Batches, session: Any, rows: Sequence[Row]) -> Any:
        found = await known(self, session, rows)
        if len(rows) > 1:
            found.roles = {"editor": Granted(uuid4(), everything=False)}
        return found

    monkeypatch.setattr(Batches, "_known", a_role_that_is_gone)
    lines = [*people(2, roles=["editor"]), {"email": "c@example.com"}]
    role = house.call(house.services.roles.find("editor"))
    house.call(house.services.roles.delete(role.id, actor="test"))
    assert importer(*lines) == {"created": 1, "refused": 2}


def test_who_finds_the_import_begun_anew_stops(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, hashed = people(2500), Batches.hash
    digest = JSON.digest("")
    monkeypatch.setattr(Terms, "digest", lambda *_: digest)

    async def and_somebody_begins_anew(self: Batches, session: Any, rows: Any, **more: Any) -> Any:
        if rows[0].email == "p1000@example.com":
            await importer.house.services.imports._checkpoints.forget(digest)
        return await hashed(self, session, rows, **more)

    monkeypatch.setattr(Batches, "hash", and_somebody_begins_anew)
    with pytest.raises(Conflict) as refused:
        importer(*lines)
    assert refused.value.code == "import_begun_anew"
    monkeypatch.setattr(Batches, "hash", hashed)
    assert importer(*lines) == {"created": 1500, "skipped": 1000}


def test_other_terms_are_another_import() -> None:
    digests = {
        replace(JSON, existing="update").digest("x"),
        replace(JSON, superusers=True).digest("x"),
        JSON.digest("x"),
        JSON.digest("y"),
    }
    assert len(digests) == 4
