"""`backoffice migrate make`, as it is typed."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from backoffice.core.command import main
from tests.migrations.drafting import Desk
from tests.migrations.test_draft_renames import BOOK


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/books.db"


@pytest.fixture
def books(desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(desk.shop.folder)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    monkeypatch.setattr("backoffice.migrations.runner.installed", tuple)
    desk.models(BOOK)
    return desk


def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, Any, str]:
    """The exit code, the answer and the talk."""
    sys.modules.pop("models", None)
    monkeypatch.setattr(sys, "argv", ["backoffice", "migrate", "make", *arguments])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    answer = json.loads(said.out) if "--json" in arguments and said.out else said.out
    return int(ended.value.code or 0), answer, said.err


def files(desk: Desk) -> list[str]:
    return [path.name for path in desk.shop.versions.glob("*.py")]


def test_the_file_is_the_answer_and_what_it_does_is_told(
    books: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer, said = typed(monkeypatch, capsys, "-m", "Books and authors")
    assert code == 0
    assert Path(answer.strip()).read_text().startswith('"""Books and authors')
    assert "create table book" in said
    assert "Detected" not in said


def test_a_dry_run_shows_it_and_writes_nothing(
    books: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer, _ = typed(monkeypatch, capsys, "--dry-run", "--json")
    assert (code, files(books)) == (3, [])
    assert "op.create_table('book'" in answer["text"]
    assert answer["dry_run"]


def test_nothing_to_write_writes_nothing(
    books: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    books.up()
    code, answer, _ = typed(monkeypatch, capsys)
    assert (code, answer) == (0, "nothing to write: the database has what the models have\n")
    assert len(files(books)) == 1


def test_an_empty_one_asks_no_database(
    books: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    code, answer, _ = typed(monkeypatch, capsys, "--empty", "--message", "Fill", "--json")
    assert code == 0
    text = Path(answer["file"]).read_text()
    assert text.count("    pass") == 2
    books.run()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--rename", "book"), "--rename takes old:new"),
        (("--backfill", "book"), "--backfill takes table.column=SQL"),
        (("--empty", "--no-renames"), "--empty compares nothing"),
    ],
)
def test_what_is_mistyped_is_told_in_one_line(
    books: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    code, answer, said = typed(monkeypatch, capsys, *arguments)
    assert (code, answer) == (2, "")
    assert told in said.splitlines()[-1]


def test_without_a_history_it_says_how_to_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, said = typed(monkeypatch, capsys)
    assert code == 2
    assert "`backoffice migrate init`" in said


def test_a_template_that_leaves_the_imports_out_gets_them(books: Desk) -> None:
    books.shop.edit("alembic/script.py.mako", '${imports if imports else ""}', "")
    books.models(
        "class Note(Model, table=True):\n    id: int = Field(primary_key=True)\n    text: str"
    )
    assert "import sqlmodel.sql.sqltypes\n" in books.stairs()


def test_the_hooks_of_the_app_run_on_the_file(books: Desk) -> None:
    ini = books.shop.folder / "alembic.ini"
    hook = "hooks = mark\nmark.type = exec\nmark.executable = touch\nmark.options = marked\n"
    ini.write_text(ini.read_text().replace("[post_write_hooks]", f"[post_write_hooks]\n{hook}"))
    books.up()
    assert Path("marked").exists()


@pytest.mark.parametrize(
    "hook",
    [
        "mark.type = exec\nmark.executable = there_is_none\n",
        "mark.type = console_scripts\nmark.entrypoint = there_is_none\n",
    ],
)
def test_a_hook_that_cannot_run_is_told_and_the_file_is_there(
    books: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hook: str
) -> None:
    ini = books.shop.folder / "alembic.ini"
    given = f"[post_write_hooks]\nhooks = mark\n{hook}"
    ini.write_text(ini.read_text().replace("[post_write_hooks]", given))
    code, answer, said = typed(monkeypatch, capsys)
    (written,) = files(books)
    assert (code, answer) == (2, "")
    assert f"{written} is written, but a hook" in said.splitlines()[-1]
    assert "there_is_none" in said.splitlines()[-1]


def test_an_env_of_several_databases_is_refused(
    books: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = "            context.run_migrations()\n"
    connected = "connectable.connect() as connection:"
    books.shop.edit("alembic/env.py", f"{connected}\n", f"{connected}\n        for _ in (1, 2):\n")
    path = books.shop.folder / "alembic" / "env.py"
    head, body = path.read_text().split("        for _ in (1, 2):\n")
    block, end, rest = body.partition(run)
    inner = "".join(f"    {line}" for line in f"{block}{end}".splitlines(keepends=True))
    path.write_text(f"{head}        for _ in (1, 2):\n{inner}{rest}")
    code, _, said = typed(monkeypatch, capsys)
    assert (code, files(books)) == (2, [])
    assert "env.py migrates several databases" in said.splitlines()[-1]


def test_a_message_may_hold_anything(books: Desk) -> None:
    books.up(message='Say """no\\more"""\nthan that"')


@pytest.mark.parametrize(("typed_in", "kept"), [("y\n", True), ("\n", False)])
def test_a_person_at_a_terminal_is_asked(
    books: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed_in: str,
    kept: bool,
) -> None:
    books.up()
    books.models(BOOK.replace("titel", "title"))
    monkeypatch.setattr("backoffice.core.streams.somebody_there", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed_in))
    code, answer, said = typed(monkeypatch, capsys)
    assert code == 0
    assert "Was the column book.titel renamed to title? [y/N]" in said
    assert ("new_column_name='title'" in Path(answer.strip()).read_text()) is kept


def test_nobody_is_asked_by_a_program(
    books: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    books.up()
    books.models(BOOK.replace("titel", "title"))
    code, _, said = typed(monkeypatch, capsys, "--json")
    assert code == 2
    assert json.loads(said.splitlines()[-1])["error"]["code"] == "rename_unclear"
