"""The command where a stream is closed or full, or what is typed is no text."""

import os
import subprocess
import sys

import pytest

from backoffice.core import Conflict, command
from backoffice.core.command import Command
from tests.core.test_command import run

MAIN = "from backoffice.core.command import main; main()"


def ended(redirected: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command, whose streams a shell has `redirected`."""
    line = f'exec "$@" {redirected}'
    typed = ["sh", "-c", line, "sh", sys.executable, "-c", MAIN, *arguments]
    done = subprocess.run(typed, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", "0<&- 2>&-"])
def test_whom_nobody_hears_answers_all_the_same(redirected: str) -> None:
    code, out, _ = ended(redirected, "secrets", "generate")
    assert (code, len(out)) == (0, 44)
    assert ended(redirected, "settings", "show", "nonsense")[0] == 4


def test_where_there_is_no_stdout_nothing_is_done() -> None:
    code, _, err = ended(">&-", "secrets", "generate")
    assert code == 2
    assert "there is no stdout" in err


def test_what_is_typed_in_no_encoding_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ("settings", "show", os.fsdecode(b"\xff"), "--json")
    code, out, err = run(monkeypatch, capsys, *typed)
    assert (code, out) == (2, "")
    assert "not written in UTF-8" in err


def test_talk_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Command().say("there are more: \x1b]0;mine\x07\nand others")
    assert capsys.readouterr().err == "there are more: \\x1b]0;mine\\x07\nand others\n"


def test_an_error_does_not_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise Conflict("the key \x1b]0;mine\x07 is there")

    monkeypatch.setattr(command, "application", refused)
    code, _, err = run(monkeypatch, capsys, "--no-color", "doctor")
    assert (code, err) == (5, "error: the key \\x1b]0;mine\\x07 is there\n")
