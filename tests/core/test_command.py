"""The command's frame: finding the app, answering, refusing."""

import json
import sys
from pathlib import Path

import pytest

from backoffice.core import SetupError
from backoffice.core.command import hoisted, main
from backoffice.core.discovery import find_app

APP = "from fastapi import FastAPI\napp = FastAPI(title='{title}')\ndef make_app(): return app\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the present folder; modules of it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["backoffice", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.mark.parametrize("spec", ["shop:app", "shop:make_app()", "shop:make_app"])
def test_an_app_is_named_by_module_and_attribute(project: Path, spec: str) -> None:
    (project / "shop.py").write_text(APP.format(title="shop"))
    assert find_app(spec).title == "shop"


def test_the_option_beats_the_variable_beats_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three", "four"):
        (project / f"{name}.py").write_text(APP.format(title=name))
    (project / "main.py").write_text(APP.format(title="main"))
    assert find_app().title == "main"
    (project / "pyproject.toml").write_text('[tool.fastapi]\nentrypoint = "four:app"\n')
    assert find_app().title == "four"
    (project / "pyproject.toml").write_text('[tool.backoffice]\napp = "three:app"\n')
    assert find_app().title == "three"
    monkeypatch.setenv("BACKOFFICE_APP", "two:app")
    assert find_app().title == "two"
    assert find_app("one:app").title == "one"


def test_the_project_is_found_from_a_folder_within_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "shop.py").write_text(APP.format(title="shop"))
    (project / "pyproject.toml").write_text('[tool.backoffice]\napp = "shop:app"\n')
    (project / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "down")
    assert find_app().title == "shop"


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("nowhere:app", "no module 'nowhere'"),
        ("shop", "module:attribute"),
        (":app", "module:attribute"),
        ("shop:nothing", "has no 'nothing'"),
        ("shop:FastAPI", "is a type, not a FastAPI app"),
        ("broken:app", "importing 'broken' failed: ZeroDivisionError"),
        ("needy:app", "No module named 'not_installed'"),
    ],
)
def test_an_app_that_cannot_be_had_says_why(project: Path, spec: str, match: str) -> None:
    (project / "shop.py").write_text(APP.format(title="shop"))
    (project / "broken.py").write_text("1 / 0\n")
    (project / "needy.py").write_text("import not_installed\n")
    with pytest.raises(SetupError, match=match):
        find_app(spec)


def test_no_app_at_all_says_how_to_name_one(project: Path) -> None:
    with pytest.raises(SetupError, match="--app module:app"):
        find_app()


def test_a_damaged_pyproject_is_named(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.backoffice\n")
    with pytest.raises(SetupError, match=r"pyproject\.toml cannot be read"):
        find_app()


def test_the_commands_own_options_may_stand_anywhere() -> None:
    assert hoisted(["users", "list", "--json", "--app", "a:b"]) == [
        "--json",
        "--app",
        "a:b",
        "users",
        "list",
    ]
    assert hoisted(["users", "create", "--", "--json"]) == ["users", "create", "--", "--json"]


def test_a_secret_is_new_each_time_and_goes_to_stdout_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = run(monkeypatch, capsys, "secrets", "generate", "--json")
    two = run(monkeypatch, capsys, "secrets", "generate", "--json")
    assert (one[0], one[2]) == (0, "")
    secrets = {json.loads(each[1])["secret"] for each in (one, two)}
    assert len(secrets) == 2
    assert all(len(each) >= 43 for each in secrets)


def test_a_refusal_is_one_line_on_stderr(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "doctor", "--app", "nowhere:app")
    assert (code, out, err.count("\n")) == (2, "", 1)
    code, out, err = run(monkeypatch, capsys, "doctor", "--app", "nowhere:app", "--json")
    assert (code, out, json.loads(err)["error"]["code"]) == (2, "", "setup")


def test_wrong_usage_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, "no-such-group")[0] == 2
    assert run(monkeypatch, capsys, "secrets", "generate", "--bytes", "1")[0] == 2


def test_doctor_finds_what_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "shop.py").write_text(APP.format(title="shop"))
    code, out, _ = run(monkeypatch, capsys, "doctor", "--app", "shop:app", "--json")
    findings = {each["id"]: each for each in json.loads(out)}
    assert code == 1
    assert findings["core.secret-key"]["level"] == "error"
    assert "secrets generate" in findings["core.secret-key"]["fix"]
    assert findings["core.database"]["level"] == "ok"
