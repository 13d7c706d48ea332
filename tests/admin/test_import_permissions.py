"""Imports: who may, what of it, and what is sent by hand."""

import pytest

from backoffice.admin.imports.models import Import, ImportPart
from backoffice.admin.jobs.models import BulkJob
from tests.admin.background import ended, last_session
from tests.admin.conftest import ORIGIN, House
from tests.admin.importing import counts, sent, suggested, told, tried, upload, written
from tests.admin.library import Book
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: who may do what is no matter of the database."""
    return sqlite_databases


ROWS = "id,title,isbn,author\n1,Alpha II,a,1\n,Delta,d,1\n"


def test_whoever_may_not_import_finds_no_way_in(stocked: House) -> None:
    """Neither a stranger, nor who may add and change and not import, nor the other way round."""
    paths = ("import/match", "import/write")
    for permissions in (None, ("books:view", "books:add"), ("books:view", "books:import")):
        if permissions is not None:
            stocked.client.cookies.clear()
            stocked.signed_in(
                *permissions,
                "authors:view",
                email=f"{len(permissions)}{permissions[1]}@example.com".replace(":", "-"),
            )
            refused = {
                upload(stocked, ROWS).status_code,
                stocked.open("/books/import").status_code,
                stocked.open("/books/import/refused?pk=1").status_code,
                *(stocked.send(f"/books/{each}", {"pk": "1"}).status_code for each in paths),
            }
            assert refused == {403}
            assert "/books/import" not in stocked.open("/books").text
            continue
        for each in ("import", *paths):
            answer = stocked.client.post(f"/admin/books/{each}", data={"pk": "1"}, headers=ORIGIN)
            assert answer.status_code == 401
        assert stocked.open("/books/import").status_code == 303
    assert len(stocked.all(Book)) == 3


def test_accounts_are_not_imported_here(stocked: House) -> None:
    """They have a service of their own, and a command."""
    stocked.signed_in(superuser=True)
    for resource in ("users", "roles", "api-keys", "sessions", "audit"):
        assert upload(stocked, "email\nx@example.com\n", resource=resource).status_code == 403


def test_whoever_may_only_add_changes_nothing(stocked: House) -> None:
    """And whoever may only change adds nothing."""
    stocked.signed_in("books:view", "books:add", "books:import", "authors:view")
    number = sent(stocked, ROWS.replace("id,", "x,"))
    assert 'name="key"' not in stocked.open(f"/books/import?pk={number}").text
    form = {"column.1": "title", "column.2": "isbn", "column.3": "author_id", "key": "isbn"}
    answer = stocked.send("/books/import/match", {"pk": number, **form, "adds": "1"})
    assert answer.status_code == 422
    assert "cannot be found by that" in told(answer)
    stocked.client.cookies.clear()
    stocked.signed_in("books:view", "books:change", "books:import", email="b@example.com")
    number = sent(stocked, ROWS)
    form = {"column.0": "id", "column.1": "title", "key": ".key"}
    answer = stocked.send("/books/import/match", {"pk": number, **form, "adds": "1"})
    assert "You may not add records" in told(answer)
    assert counts(tried(stocked, number, **form)) == (0, 1, 0, 1)
    written(stocked, number)
    assert [each.title for each in stocked.all(Book)] == ["Alpha II", "Beta", "Gamma 100%"]


def test_a_file_is_seen_by_nobody_but_who_sent_it(editor: House) -> None:
    """On its own page alone."""
    number = sent(editor, ROWS)
    assert editor.open(f"/authors/import?pk={number}").status_code == 404
    editor.client.cookies.clear()
    editor.signed_in(superuser=True, email="eve@example.com")
    assert editor.open(f"/books/import?pk={number}").status_code == 404
    assert editor.open(f"/books/import/refused?pk={number}").status_code == 404
    for each in ("match", "write"):
        answer = editor.send(f"/books/import/{each}", {"pk": number, "column.0": "title"})
        assert answer.status_code == 404
    for key in ("", "x", "-1", "9" * 40, "٣", "1 OR 1=1"):
        assert editor.client.get("/admin/books/import", params={"pk": key}).status_code == 404


def test_what_cannot_be_meant_so_is_told_and_keeps_what_was_chosen(editor: House) -> None:
    number = sent(editor, ROWS)
    for form, words in (
        ({}, "at least one column"),
        ({"column.0": "title", "column.1": "title"}, "Two columns are chosen for Title"),
        ({"column.1": "password_hash"}, "You may not write password_hash"),
        ({"column.1": "pages"}, "You may not write pages"),
        ({"column.1": "title"}, "A new record needs ISBN"),
        ({"column.1": "title", "key": "isbn"}, "choose its column"),
        ({"column.1": "title", "key": "title"}, "cannot be found by that"),
    ):
        answer = editor.send("/books/import/match", {"pk": number, **form})
        assert answer.status_code == 422, form
        assert words in told(answer), form
        assert suggested(answer.text)["column.1"] in (form.get("column.1", ""), "")
    assert editor.send("/books/import/write", {"pk": number}).status_code == 409
    assert editor.open(f"/books/import/refused?pk={number}").status_code == 409


def test_what_is_no_file_is_told(editor: House) -> None:
    """Nothing chosen, an empty one, a text in its place; one larger than is taken."""
    assert "Choose a file first." in told(upload(editor, "", name=""))
    assert "The file is empty." in told(upload(editor, ""))
    assert "Choose a file first." in told(editor.send("/books/import", {"file": "a,b"}))
    assert upload(editor, "x" * 10_000_001).status_code in (413, 422)
    assert upload(editor, "x" * 11_000_000).status_code == 413
    two = [("file", ("a.csv", b"a\n1\n")), ("file", ("b.csv", b"a\n1\n"))]
    answer = editor.client.post(
        "/admin/books/import", data={"csrf_token": editor.token()}, files=two, headers=ORIGIN
    )
    assert answer.status_code == 400


def test_of_files_that_were_not_written_the_last_ten_are_kept(editor: House) -> None:
    """Of each page and person: nobody fills the disk by sending file after file."""
    other = sent(editor, "name\nx\n", "tags")
    numbers = [sent(editor, f"isbn,title\n{each},T\n") for each in range(12)]
    assert {each.number for each in editor.all(Import)} == {int(other), *map(int, numbers[2:])}
    assert len(editor.all(ImportPart)) == 11
    assert editor.open(f"/books/import?pk={numbers[0]}").status_code == 404


def test_a_file_that_another_site_sends_is_not_taken(editor: House) -> None:
    """Nor one without the token of the session."""
    for token, headers, status in (
        ("forged", ORIGIN, 403),
        (editor.token(), {"Origin": "https://evil.example"}, 403),
    ):
        answer = editor.client.post(
            "/admin/books/import",
            data={"csrf_token": token},
            files={"file": ("a.csv", b"title\nx\n")},
            headers=headers,
        )
        assert answer.status_code == status


def test_a_right_that_is_taken_away_stops_it(editor: House) -> None:
    """Each step asks again: of an import as well as of the verbs that its rows need."""
    number = int(sent(editor, ROWS))
    tried(editor, str(number))
    job = editor.get(BulkJob, 1)
    assert job is not None
    kept = job.model_dump(include={"resource", "query", "meaning"})
    for index, verbs in enumerate((["add", "change"], ["import", "add"]), 2):
        editor.client.cookies.clear()
        email = f"{index}@example.com"
        user = editor.signed_in(
            "authors:view", *(f"books:{each}" for each in ["view", *verbs]), email=email
        )
        now = editor.services.clock.now()
        editor.add(
            BulkJob(
                **kept,
                action="import",
                form=f"{index:032}",
                actor=f"user:{user.id}",
                session_id=last_session(editor),
                created_at=now,
                turn_at=now,
            )
        )
        stopped = ended(editor, index)
        assert stopped.state == "stopped"
        assert "may not" in stopped.reason
    assert [each.title for each in editor.all(Book)] == ["Alpha", "Beta", "Gamma 100%"]
