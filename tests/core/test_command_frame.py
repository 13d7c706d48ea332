"""What every verb has of the frame: it asks, rehearses, keeps quiet, and shows how far it is."""

import json
import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from backoffice.core import InvalidInput
from backoffice.core.command import Command, main, rehearsed
from backoffice.core.tables import table
from tests.core.test_command import run


class Terminal:
    """A terminal in the place of all three streams, and who sits at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._person, device = pty.openpty()
        self._streams = [os.fdopen(os.dup(device), mode) for mode in ("r", "w", "w")]
        os.close(device)
        os.set_blocking(self._person, False)

    def sit_down(self) -> None:
        """Within the test: pytest puts streams of its own in place before it."""
        for name, stream in zip(("stdin", "stdout", "stderr"), self._streams, strict=True):
            self._monkeypatch.setattr(sys, name, stream)

    def type(self, text: str) -> None:
        os.write(self._person, text.encode())

    def shown(self) -> str:
        for each in self._streams[1:]:
            each.flush()
        try:
            return os.read(self._person, 65536).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        for each in self._streams:
            each.close()
        os.close(self._person)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Somebody watches, in colors."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    opened = Terminal(monkeypatch)
    yield opened
    monkeypatch.undo()
    opened.close()


def test_a_person_is_asked_and_may_decline(terminal: Terminal) -> None:
    terminal.sit_down()
    terminal.type("y\n")
    Command(quiet=True).confirm("Delete all?")
    for answer in ("n\n", "\n", "\x04"):
        terminal.type(answer)
        with pytest.raises(typer.Exit) as ended:
            Command().confirm("Delete all?")
        assert ended.value.exit_code == 1
    assert "Delete all? [y/N]: " in terminal.shown()


def test_where_nobody_can_be_asked_a_script_is_told_what_to_add() -> None:
    with pytest.raises(InvalidInput, match="add --yes"):
        Command().confirm("Delete all?")
    Command(yes=True).confirm("Delete all?")
    Command(dry_run=True).confirm("Delete all?")


def test_a_verb_that_does_not_know_of_dry_runs_is_refused_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "secrets", "generate", "--dry-run")
    assert (code, out) == (2, "")
    assert "backoffice secrets generate` has no --dry-run" in err


def test_a_rehearsed_verb_says_so_in_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    app, command = typer.Typer(), Command(as_json=True, dry_run=True)

    @app.command()
    @rehearsed
    def verb(context: typer.Context) -> None:
        context.obj = command
        Command.of(context).give({"changed": True})
        command.end(changed=False)
        command.end(changed=True)

    with pytest.raises(SystemExit) as ended:
        app([])
    out, err = capsys.readouterr()
    assert (ended.value.code, json.loads(out)) == (3, {"changed": True, "dry_run": True})
    assert "nothing was changed" in err


def test_quiet_leaves_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(quiet=True)
    command.say("by the way")
    command.give({"a": 1}, "one")
    assert capsys.readouterr() == ("one\n", "")


def test_the_head_of_a_table_is_styled_for_a_terminal_alone(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.sit_down()
    Command().give_rows([{"name": "ann"}], ["name"])
    assert "\x1b[1mNAME" in terminal.shown()
    Command(color=False).give_rows([{"name": "ann"}], ["name"])
    assert "\x1b" not in terminal.shown()
    monkeypatch.undo()
    Command().give_rows([{"name": "ann"}], ["name"])
    assert capsys.readouterr().out == "NAME\nann\n"


@pytest.mark.parametrize("variable", ["", "1"])
def test_colors_are_for_whoever_wants_them(
    variable: str, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    terminal.sit_down()
    monkeypatch.setenv("NO_COLOR", variable)
    monkeypatch.setattr(sys, "argv", ["backoffice", "doctor", "--app", "nowhere:app"])
    with pytest.raises(SystemExit):
        main()
    assert ("\x1b[31merror:" in terminal.shown()) is not bool(variable)


def test_what_a_stranger_wrote_does_not_steer_the_terminal() -> None:
    rows = [{"agent": "curl\x1b[2J\r\n", "roles": ["\x07", "ü"]}]
    assert list(table(rows, ("agent", "roles")))[1] == r"curl\x1b[2J\r\n  \x07, ü"


def test_progress_is_shown_to_a_person_who_watches(terminal: Terminal) -> None:
    terminal.sit_down()
    with Command().progress("Importing", 4) as progress:
        progress.advance(3)
    assert "Importing" in terminal.shown()
    with Command().progress("Reading") as progress:
        progress.advance(1000)
        progress.advance(500)
    assert "Reading  1,500" in terminal.shown()
    with Command(quiet=True).progress("Hidden", 4) as progress:
        progress.advance(4)
    terminal.type("\n")
    assert "Hidden" not in terminal.shown()


def test_progress_says_nothing_to_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    for total in (None, 0, 10):
        with Command().progress("Importing", total) as progress:
            progress.advance(10)
        assert progress.done == 10
    assert capsys.readouterr() == ("", "")


def test_an_answer_that_the_encoding_lacks_is_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w", encoding="latin-1") as out:
        monkeypatch.setattr(sys, "stderr", out)
        assert run(monkeypatch, capsys, "doctor", "--app", "nołhere:app")[0] == 2
    assert "no\\u0142here" in (tmp_path / "out").read_text()
