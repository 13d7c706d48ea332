import os
import signal
from pathlib import Path

import pytest

from tests.services.nursery import python


def test_a_program_has_its_own_streams_folder_environment_and_end(tmp_path: Path) -> None:
    program = """
import os, pathlib, sys
print(pathlib.Path.cwd(), os.environ, sys.argv, input(), __name__)
print("beside", file=sys.stderr)
sys.exit(3)
"""
    done = python(
        ["-c", program, "word"], folder=tmp_path, environment={"ONE": "1"}, typed="typed\n"
    )
    told = f"{tmp_path} environ({{'ONE': '1'}}) ['-c', 'word'] typed __main__\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, told, "beside\n")


def test_files_and_modules_run_and_what_they_change_is_gone(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import json\nwas = getattr(json, 'changed', False)\n")
    (tmp_path / "program.py").write_text(
        "import json\nimport beside\nprint(beside.was, __name__)\njson.changed = True\n"
    )
    for words in (["program.py"], [tmp_path / "program.py"], ["-m", "program"]):
        done = python(words, folder=tmp_path, environment={})
        assert (done.stdout, done.stderr) == ("False __main__\n", "")


def test_both_streams_may_be_one(tmp_path: Path) -> None:
    program = "import sys; print(1, flush=True); print(2, file=sys.stderr); print(3, flush=True)"
    done = python(["-c", program], folder=tmp_path, environment={}, together=True)
    assert done.stdout == "1\n2\n3\n"


@pytest.mark.parametrize(
    ("words", "environment"), [(["-W", "error"], {}), ([], {"PYTHONWARNINGS": "error"})]
)
def test_a_warning_is_an_error_where_that_is_asked_for(
    tmp_path: Path, words: list[str], environment: dict[str, str]
) -> None:
    warns = ["-c", "import warnings; warnings.warn('careful', DeprecationWarning, 2)"]
    assert python(warns, folder=tmp_path, environment={}).returncode == 0
    done = python([*words, *warns], folder=tmp_path, environment=environment)
    assert done.returncode == 1
    assert "DeprecationWarning: careful" in done.stderr


def test_a_program_imports_from_the_path_of_its_environment(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "found.py").write_text("print('found')")
    path = {"PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}"}
    assert python(["-c", "import found"], folder=tmp_path, environment=path).stdout == "found\n"


def test_a_program_that_is_killed_ends_as_any_process(tmp_path: Path) -> None:
    done = python(["-c", "import os; os.kill(os.getpid(), 9)"], folder=tmp_path, environment={})
    assert done.returncode == -signal.SIGKILL


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    program = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(1000)"
    with pytest.raises(TimeoutError):
        python(["-c", program], folder=tmp_path, environment={}, timeout=1)
    if (tmp_path / "pid").exists():  # it may have been killed before it began
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)
