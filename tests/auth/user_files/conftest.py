"""Files of accounts, and what importing them does."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backoffice.auth import User
from backoffice.auth.models import UserImport
from backoffice.auth.user_files.imports import Imported
from backoffice.auth.user_files.reports import opened_report
from backoffice.auth.user_files.sources import opened_source
from backoffice.auth.user_files.terms import Terms
from tests.auth.conftest import AppWithAccounts

#: Of the password `correct horse battery`, by others.
BROUGHT = "pbkdf2_sha256$1000$abcdefghijkl$VxbUuVDHNAcJZ3+enHS1hY5fXElZG2jJyGnetMmDHEA="
JSON = Terms("jsonl")
Lines = Sequence[Mapping[str, Any]]


class Importer:
    """Imports lines into an app that runs, and tells what came of it."""

    def __init__(self, house: AppWithAccounts, directory: Path) -> None:
        self.house = house
        self._directory = directory
        self.report = directory / "report.csv"

    def file(self, lines: Lines) -> Path:
        """A file of these lines."""
        text = "".join(json.dumps(each) + "\n" for each in lines)
        path = self._directory / f"{abs(hash(text))}.jsonl"
        path.write_text(text)
        return path

    async def load(self, lines: Lines, terms: Terms = JSON, **options: Any) -> Imported:
        """What comes of a file of these lines."""
        return await self.load_file(self.file(lines), terms, **options)

    async def load_file(self, path: Path, terms: Terms, **options: Any) -> Imported:
        """What comes of that file."""
        with opened_source(str(path)) as source:
            return await self.house.services.imports.load(source, terms, actor="test", **options)

    def __call__(self, *lines: Mapping[str, Any], **options: Any) -> dict[str, int]:
        """How many were created, updated, skipped and refused; those that were not none."""
        told = {name: options.pop(name) for name in ("existing", "superusers") if name in options}
        terms = replace(JSON, **told)
        found = self.house.call(self.load(lines, terms, **options))
        return {name: count for name, count in asdict(found.counts).items() if count}

    def refused(self, *lines: Mapping[str, Any], **options: Any) -> list[tuple[int, str]]:
        """Number and code of each line that is refused."""
        terms = {name: options[name] for name in ("existing", "superusers") if name in options}
        with opened_source(str(self.file(lines))) as source:
            digest = replace(JSON, **terms).digest(source.digest)
        self.report.unlink(missing_ok=True)
        with opened_report(self.report, digest, dry_run=False) as report:
            self(*lines, report=report, **options)
        rows = [each.split(",") for each in self.report.read_text().splitlines()[1:]]
        return [(int(each[0]), each[1]) for each in rows]

    def user(self, email: str) -> User:
        """The account with that address."""
        return self.house.call(self.house.services.users.find(email))

    def roles(self, email: str) -> list[str]:
        """The roles of the account with that address."""
        return self.house.call(self.house.services.roles.of_user(self.user(email).id))

    def events(self) -> list[str]:
        """What the audit log has, the oldest first, and that it is whole."""
        audit = self.house.services.audit
        assert self.house.call(audit.verified()).faults == []
        found = self.house.call(audit.entries(limit=10_000))
        return [each.event.removeprefix("auth.") for each in reversed(found)]

    def checkpoints(self) -> list[UserImport]:
        """How far each file was imported."""
        return self.house.running.call(self._checkpoints())

    async def _checkpoints(self) -> list[UserImport]:
        async with self.house.services.database.session() as session:
            return list((await session.exec(select(UserImport))).all())


@pytest.fixture
def importer(house: AppWithAccounts, tmp_path: Path) -> Importer:
    """Imports into an app with empty tables."""
    return Importer(house, tmp_path)


def people(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Lines of so many accounts."""
    return [{"email": f"p{number}@example.com", **fields} for number in range(count)]
