"""Completion, as a real bash asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backoffice.core.command import hoisted
from backoffice.core.completion import script, words
from tests.core.test_command import run

BIN = Path(sys.executable).parent
#: Each line offers what may be the last word.
ASKED = """
{script}
complete -p backoffice
offers() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
    _backoffice_completion {command}; echo "${{COMPREPLY[*]}}"
}}
offers backoffice se
offers backoffice secrets --json --app a generate --by
"""


def test_bash_completes_groups_verbs_and_options(tmp_path: Path) -> None:
    """Wherever the command's own options stand; no app is needed, and none is imported."""
    (tmp_path / "main.py").write_text("raise SystemExit('imported')")
    asked = ASKED.format(script=script("bash"), command=BIN / "backoffice")
    done = subprocess.run(
        ["bash", "--norc", "-c", asked],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=True,
    )
    registered, groups, option = done.stdout.splitlines()
    assert "-F _backoffice_completion backoffice" in registered
    assert {"secrets", "settings"} <= {*groups.split()}
    assert all(each.startswith("se") for each in groups.split())
    assert (option, done.stderr) == ("--bytes", "")


def test_each_shell_has_a_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for shell in ("bash", "zsh", "fish"):
        code, out, _ = run(monkeypatch, capsys, "completion", shell)
        assert (code, f"complete_{shell}" in out) == (0, True)
    assert run(monkeypatch, capsys, "completion", "tcsh")[0] == 2


@pytest.mark.parametrize(
    ("typed", "found", "told"),
    [
        ("backoffice users --json li", ["--json", "users"], "backoffice --json users li"),
        ("backoffice users ", ["users"], "backoffice users "),
        ("backoffice", [], "backoffice"),
        ("backoffice 'users li", [], "backoffice 'users li"),
    ],
)
def test_zsh_and_fish_tell_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, typed: str, found: list[str], told: str
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", typed)
    assert words(hoisted) == found
    assert os.environ["_TYPER_COMPLETE_ARGS"] == told
