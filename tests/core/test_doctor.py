"""`backoffice doctor` itself: levels, exit codes, what is ignored, what breaks."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from backoffice.core import Finding, NotFound, Run, checks
from tests.core.test_command import APP, run

Doctor = Callable[..., tuple[int, Any, str]]
WARNING = Finding("shop.shelves", "warning", "the shelves are empty", "buy books")
ERROR = Finding("shop.roof", "error", "the roof leaks", "mend it")
WELL = Finding("shop.door", "ok", "is open")


class Entry:
    """An entry point of a package with these findings."""

    def __init__(self, name: str, *found: Finding | Exception) -> None:
        self.name = name
        self._found = found

    def load(self) -> checks.Check:
        async def check(_: Run) -> AsyncIterator[Finding]:
            for each in self._found:
                if isinstance(each, Exception):
                    raise each
                yield each

        return check


@pytest.fixture
def doctor(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """Runs `backoffice doctor` on an app with these findings alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.py").write_text(APP.format(title="shop"))

    def look(entries: list[Entry], *arguments: str) -> tuple[int, Any, str]:
        monkeypatch.setattr(checks, "entry_points", lambda **_: entries)
        code, out, err = run(monkeypatch, capsys, "doctor", *arguments)
        return code, json.loads(out) if "--json" in arguments else out, err

    return look


@pytest.mark.parametrize(
    ("found", "fail_on", "code"),
    [
        (WELL, "warning", 0),
        (WARNING, "error", 0),
        (WARNING, "warning", 1),
        (ERROR, "error", 1),
        (ERROR, "warning", 1),
    ],
)
def test_the_exit_code_says_whether_anything_is_as_bad(
    doctor: Doctor, found: Finding, fail_on: str, code: int
) -> None:
    assert doctor([Entry("shop", WELL, found)], "--fail-on", fail_on)[0] == code


def test_each_finding_has_id_level_message_and_remedy(doctor: Doctor) -> None:
    _, out, _ = doctor([Entry("shop", ERROR)], "--json")
    assert out == [
        {
            "id": "shop.roof",
            "level": "error",
            "message": "the roof leaks",
            "fix": "mend it",
            "ignored": None,
        }
    ]


def test_what_is_ignored_fails_nothing_and_says_why(doctor: Doctor) -> None:
    entries = [Entry("shop", ERROR, WARNING)]
    ignored = ("--ignore", "shop.roof=a ruin by design", "--ignore", "shop.shelves")
    code, out, _ = doctor(entries, *ignored, "--fail-on", "warning", "--json")
    assert (code, [each["ignored"] for each in out]) == (0, ["a ruin by design", "by --ignore"])
    code, out, _ = doctor(entries, *ignored)
    lines = [line.split() for line in out.splitlines()]
    assert [line[:2] for line in lines[1:]] == [
        ["ignored", "shop.roof"],
        ["ignored", "shop.shelves"],
    ]
    assert "ignored: a ruin by design" in out


def test_settings_ignore_as_well_and_only_what_they_name(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DOCTOR_IGNORE", "shop.roof=a ruin; shop.other = none ")
    code, out, _ = doctor([Entry("shop", ERROR, WARNING)], "--fail-on", "warning", "--json")
    assert (code, [each["ignored"] for each in out]) == (1, ["a ruin", None])


def test_what_is_well_is_not_called_ignored(doctor: Doctor) -> None:
    _, out, _ = doctor([Entry("shop", WELL)], "--ignore", "shop.door", "--json")
    assert out[0]["ignored"] is None


def test_an_id_that_is_not_found_is_told(doctor: Doctor) -> None:
    _, _, err = doctor([Entry("shop", ERROR)], "--ignore", "shop.rof")
    assert "--ignore shop.rof: there is no such finding" in err


@pytest.mark.parametrize("wrong", [["--ignore", "=why"], ["--fail-on", "ok"]])
def test_wrong_usage_ends_with_2(doctor: Doctor, wrong: list[str]) -> None:
    assert run_code(doctor, wrong) == 2


def run_code(doctor: Doctor, arguments: list[str]) -> int:
    return doctor([Entry("shop", WELL)], *arguments)[0]


def test_settings_that_cannot_be_read_ignore_nothing(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DOCTOR_IGNORE", "shop.roof")
    code, out, _ = doctor([Entry("shop", ERROR)], "--json")
    assert (code, out[0]["ignored"]) == (1, None)


def test_a_check_that_breaks_is_an_error_and_the_others_go_on(doctor: Doctor) -> None:
    broken = Entry("broken", ValueError("the password is hunter2"))
    refusing = Entry("refusing", NotFound("there is none"))
    code, out, err = doctor([broken, refusing, Entry("shop", WELL)], "--json")
    assert code == 1
    assert [(each["id"], each["level"]) for each in out] == [
        ("core.check", "error"),
        ("core.check", "error"),
        ("shop.door", "ok"),
    ]
    assert out[0]["message"] == "broken could not be looked at: ValueError"
    assert out[1]["message"] == "refusing: there is none"
    assert "hunter2" not in json.dumps(out) + err


def test_a_check_that_cannot_be_imported_is_an_error_and_the_others_go_on(doctor: Doctor) -> None:
    class Missing(Entry):
        def load(self) -> checks.Check:
            raise ModuleNotFoundError("no module shop.checks")

    code, out, _ = doctor([Missing("missing"), Entry("shop", WELL)], "--json")
    assert (code, [each["id"] for each in out]) == (1, ["core.check", "shop.door"])
    assert out[0]["message"] == "missing could not be looked at: ModuleNotFoundError"


def test_what_is_not_well_has_a_remedy_even_where_a_check_refuses(doctor: Doctor) -> None:
    _, out, _ = doctor(
        [Entry("shop", NotFound("there is none")), Entry("odd", OSError())], "--json"
    )
    assert all(each["fix"] for each in out)
