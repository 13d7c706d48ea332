"""Files of accounts, and a table of users that is the app's own."""

from pathlib import Path

from tests.adopted.conftest import Notes
from tests.auth.user_files.conftest import Importer, people


def test_accounts_become_users_of_the_apps_table_and_refused_lines_cost_no_other(
    notes: Notes, tmp_path: Path
) -> None:
    importer = Importer(notes, tmp_path)
    lines = [{"email": "BOB@example.com"}, {"email": "x" * 70 + "@example.com"}, *people(30)]
    assert importer(*lines)["created"] == 30
    assert importer.user("p7@example.com").is_active
    assert importer.refused({"email": "Bob@Example.com"}, existing="refuse") == [(1, "email_taken")]


def test_a_password_and_what_is_kept_beside_are_brought(notes: Notes, tmp_path: Path) -> None:
    importer = Importer(notes, tmp_path)
    importer(*people(1, password="correct horse battery", is_verified=True))
    assert importer.user("p0@example.com").is_verified
    assert notes.login("p0@example.com", "correct horse battery").status_code == 200
    assert importer(*people(1, is_verified=False), existing="update") == {"updated": 1}
    assert not importer.user("p0@example.com").is_verified


def test_every_user_of_the_app_is_exported(notes: Notes) -> None:
    async def collected() -> str:
        lines = notes.services.exports.lines("jsonl", actor="test")
        return "".join([text async for text, _ in lines])

    users = notes.call(notes.services.users.all())
    text = notes.call(collected())
    assert users
    assert all(f'"{each.email}"' in text for each in users)
