"""`backoffice users import` and `export`, as a script drives them."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backoffice.auth.user_files.files import opened_output
from backoffice.auth.user_files.sources import format_of
from backoffice.core import Conflict, InvalidInput
from tests.auth.conftest import Command, created

PEOPLE = "Mail;is_verified;note\nann@example.com;yes;x\nnobody;no;y\n"
READ = ("--map", "email=Mail", "--ignore", "note")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def test_lines_that_are_refused_end_it_with_1_and_the_others_are_done(
    command: Command, people: Path, tmp_path: Path
) -> None:
    code, answer, err = command("users", "import", str(people), *READ, "--report", "refused.csv")
    assert (code, answer["created"], answer["refused"], err) == (1, 1, 1, "")
    assert (tmp_path / "refused.csv").read_text().splitlines()[1].startswith("3,invalid_email,")
    code, again, _ = command("users", "import", str(people), *READ)
    assert (code, again) == (1, {**answer, "resumed_after": 3, "already_done": True})


def test_a_file_without_a_fault_ends_it_with_0(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"email": "a@example.com"}\n'))
    assert command("users", "import", "a.jsonl.gz")[0] == 0
    (tmp_path / "b.jsonl").write_bytes(b'{"email": "a@example.com"}\n')
    assert command("users", "import", "b.jsonl")[1]["already_done"]


def test_a_dry_run_leaves_nothing(command: Command, people: Path) -> None:
    code, answer, _ = command("users", "import", str(people), *READ, "--dry-run")
    assert (code, answer["created"], answer["dry_run"]) == (1, 1, True)
    assert command("users", "list")[1] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("people.csv",),
        ("people.csv", "--map", "email"),
        ("people.csv", "--map", "email=Mail", "--map", "email=note"),
        ("people.csv", "--map", "mail=Mail"),
        ("people.csv", *READ, "--existing", "destroy"),
        ("people.csv", *READ, "--report", "people.csv"),
        ("people.csv", *READ, "--report", "no/such/place.csv"),
        ("people.txt", *READ),
        ("no.csv",),
        (".", "--format", "csv"),
        ("cut.csv.gz",),
        ("-",),
        (),
    ],
)
def test_wrong_usage_ends_with_2_and_changes_nothing(
    command: Command, people: Path, arguments: tuple[str, ...]
) -> None:
    people.with_name("people.txt").write_text(PEOPLE)
    people.with_name("cut.csv.gz").write_bytes(gzip.compress(os.urandom(5000))[:-20])
    code, _, err = command("users", "import", *arguments)
    assert code == 2, err
    assert "Traceback" not in err
    assert command("users", "list")[1] == []
    assert people.read_text() == PEOPLE


@pytest.mark.parametrize(
    ("name", "form"), [("a.CSV", "csv"), ("a.b.jsonl.gz", "jsonl"), ("x.ndjson", "jsonl")]
)
def test_the_name_says_the_format(name: str, form: str) -> None:
    assert format_of(name) == form


def test_a_name_that_says_nothing_asks_for_one() -> None:
    with pytest.raises(InvalidInput, match="--format"):
        format_of("people.json")


def test_stdin_is_read_to_its_end(command: Command, tmp_path: Path) -> None:
    script = "from backoffice.core.command import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "users", "import", "-", "--format", "csv"],
        input="email\nann@example.com\n",
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1 created, 0 updated, 0 skipped, 0 refused\n")
    assert command("users", "list")[1][0]["email"] == "ann@example.com"


def test_an_export_is_a_file_for_its_owner_alone_and_is_not_written_over(
    command: Command, tmp_path: Path
) -> None:
    created(command)
    before = os.umask(0)
    try:
        assert command("users", "export", "all.csv", "--with-hashes")[0] == 0
    finally:
        os.umask(before)
    assert (tmp_path / "all.csv").stat().st_mode & 0o777 == 0o600
    assert "$argon2id$" in (tmp_path / "all.csv").read_text()
    assert command("users", "export", "all.csv")[0] == 5
    assert "$argon2id$" in (tmp_path / "all.csv").read_text()
    assert command("users", "export", "all.csv", "--overwrite")[1]["exported"] == 1
    assert "$argon2id$" not in (tmp_path / "all.csv").read_text()
    assert [each.name for each in tmp_path.glob(".all*")] == []


def test_an_export_goes_to_stdout(command: Command) -> None:
    created(command)
    code, out, _ = command("users", "export", as_json=False)
    assert code == 0
    assert out.splitlines()[1].startswith("ann@example.com,true,false,false,,20")


def test_an_export_that_nobody_reads_ends_as_every_answer_does(
    command: Command, tmp_path: Path
) -> None:
    script = "from backoffice.core.command import main; main()"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script, "users", "export"],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_packed_export_is_imported(command: Command, tmp_path: Path) -> None:
    created(command)
    assert command("users", "export", "all.jsonl.gz")[0] == 0
    assert gzip.decompress((tmp_path / "all.jsonl.gz").read_bytes()).startswith(b'{"email"')
    assert command("users", "import", "all.jsonl.gz")[1]["skipped"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("no/such/place.csv",),
        ("all.txt",),
        (".", "--format", "csv"),
        (".", "--format", "csv", "--overwrite"),
        ("pipe", "--format", "csv", "--overwrite"),
    ],
)
def test_an_export_to_nowhere_is_refused(
    command: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert command("users", "export", *arguments)[0] == 2
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_comes_to_be_there_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"

    def export() -> None:
        with opened_output(str(path), overwrite=False) as write:
            write("ours")
            path.write_text("theirs")

    with pytest.raises(Conflict):
        export()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"all.csv": "theirs"}
