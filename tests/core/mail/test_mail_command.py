"""`backoffice mail`: what an operator sees of mail, and what nobody does."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backoffice.core.command import main
from tests.core.mail.conftest import Away, Post, message

Backoffice = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.anyio


@pytest.fixture
def backoffice(
    outbox_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Backoffice:
    """Runs `backoffice mail ...`; gives the exit code, stdout and stderr."""
    (tmp_path / "bare.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", outbox_url)
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", (tmp_path / "mails").as_uri())
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["backoffice", "--app", "bare:app", "mail", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        code = ended.value.code
        return (code if isinstance(code, int) else 0), captured.out, captured.err

    return run


# The command runs an event loop of its own: in a thread, beside that of the test.
async def in_thread(work: Callable[..., Any], *arguments: str) -> Any:
    from anyio import to_thread

    return await to_thread.run_sync(lambda: work(*arguments))


def sent(folder: Path) -> list[Path]:
    return [*folder.glob("mails/*")]


async def test_list_shows_state_and_age_and_nothing_of_what_it_says(
    post: Post, backoffice: Backoffice
) -> None:
    await post.add(message(1, id="one", subject="canary-subject"), template="reset")
    code, out, _ = await in_thread(backoffice, "list")
    assert code == 0
    assert "one  reset     user1@example.org  waiting" in out
    code, shown, _ = await in_thread(backoffice, "list", "--json", "--state", "waiting")
    (row,) = json.loads(shown)
    assert (row["id"], row["state"], row["attempts"]) == ("one", "waiting", 0)
    assert row["age"].endswith("s")
    for text in (out, shown):
        assert "canary" not in text


async def test_list_refuses_a_state_that_there_is_not(backoffice: Backoffice) -> None:
    code, out, err = await in_thread(backoffice, "list", "--state", "lost")
    assert (code, out) == (2, "")
    assert "waiting, sending, sent, dead" in err


async def test_work_once_sends_what_is_due(
    post: Post, backoffice: Backoffice, tmp_path: Path
) -> None:
    await post.add(message(1, id="one"), message(2, id="two"))
    code, out, _ = await in_thread(backoffice, "work", "--once", "--json")
    assert (code, json.loads(out)) == (0, {"taken": 2, "sent": 2})
    assert {each.name for each in (tmp_path / "mails").iterdir()} == {"one.eml", "two.eml"}
    assert json.loads((await in_thread(backoffice, "work", "--once", "--json"))[1])["taken"] == 0


async def test_retry_sends_what_was_given_up(post: Post, backoffice: Backoffice) -> None:
    await post.add(message(1, id="one"), message(2, id="two"))
    await post.worker(Away(), attempts=1).drained()
    assert (await in_thread(backoffice, "retry", "one", "--json"))[1] == '{"retried": 1}\n'
    assert (await in_thread(backoffice, "retry", "--all"))[1] == "1 to be sent\n"
    assert {each.state for each in await post.rows()} == {"waiting"}


async def test_retry_says_what_it_cannot_do(post: Post, backoffice: Backoffice) -> None:
    assert (await in_thread(backoffice, "retry", "\udcff"))[0] == 2
    code, _, err = await in_thread(backoffice, "retry", "nobody")
    assert code == 4
    assert "holds no message nobody" in err
    await post.add(message(id="one"))
    await post.worker().drained()
    code, _, err = await in_thread(backoffice, "retry", "one")
    assert code == 5
    assert "was sent" in err
    for wrong in ((), ("one", "--all")):
        assert (await in_thread(backoffice, "retry", *wrong))[0] == 2


async def test_test_sends_at_once_and_past_the_outbox(
    post: Post, backoffice: Backoffice, tmp_path: Path
) -> None:
    code, out, _ = await in_thread(backoffice, "test", "ann@example.org", "--json")
    assert code == 0
    assert (tmp_path / "mails" / f"{json.loads(out)['id']}.eml").is_file()
    assert await post.rows() == []


async def test_what_is_rehearsed_sends_nothing_and_tries_nothing_again(
    post: Post, backoffice: Backoffice, tmp_path: Path
) -> None:
    await post.add(message(1, id="one"))
    code, out, err = await in_thread(backoffice, "test", "ann@example.org", "--dry-run", "--json")
    assert (code, json.loads(out)["sent"], json.loads(out)["dry_run"]) == (0, False, True)
    assert "nothing was changed" in err
    before = await in_thread(backoffice, "list", "--json")
    assert (await in_thread(backoffice, "retry", "one", "--dry-run"))[:2] == (0, "1 to be sent\n")
    after = await in_thread(backoffice, "list", "--json")
    assert json.loads(after[1])[0]["due_at"] == json.loads(before[1])[0]["due_at"]
    assert (await in_thread(backoffice, "work", "--once", "--dry-run"))[0] == 2
    assert sent(tmp_path) == []


async def test_test_says_why_it_could_not(
    backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await in_thread(backoffice, "test", "ann@example.org, eve@example.org"))[0] == 2
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "smtp://localhost:1?tls=none")
    monkeypatch.setenv("BACKOFFICE_MAIL__SENDER", "shop@example.org")
    code, out, err = await in_thread(backoffice, "test", "ann@example.org")
    assert (code, out) == (6, "")
    assert "the server cannot be reached" in err


async def test_preview_shows_a_template_and_where_it_comes_from(
    backoffice: Backoffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "reset.txt").write_text("Ours: {{ link }}")
    monkeypatch.setenv("BACKOFFICE_MAIL__TEMPLATES", str(own))
    code, out, err = await in_thread(backoffice, "preview", "reset")
    assert code == 0
    assert out.startswith("Subject: Choose a new password for Backoffice\n\nOurs: https://")
    assert f"from {own / 'reset.txt'}" in err
    _, out, _ = await in_thread(backoffice, "preview", "reset", "--html")
    assert out.startswith("<!doctype html>")
    _, out, _ = await in_thread(backoffice, "preview", "reset", "--json")
    assert json.loads(out).keys() == {"subject", "text", "html"}


async def test_preview_says_what_is_wrong(
    backoffice: Backoffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = await in_thread(backoffice, "preview", "nothing")
    assert code == 4
    assert "there are verify, reset" in err
    (tmp_path / "reset.txt").write_text("{{ lnik }}")
    monkeypatch.setenv("BACKOFFICE_MAIL__TEMPLATES", str(tmp_path))
    code, out, err = await in_thread(backoffice, "preview", "verify")
    assert (code, out) == (2, "")
    assert "reset.txt, line 1: 'lnik' is undefined" in err


async def test_a_database_without_the_table_is_told_of(
    backoffice: Backoffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    for verb in (("list",), ("retry", "--all"), ("work", "--once"), ("work",)):
        code, _, err = await in_thread(backoffice, *verb)
        assert code == 6
        assert "backoffice migrate up" in err
