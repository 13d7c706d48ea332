"""The report of refused lines: each is there once, whenever the import was killed."""

import os
from pathlib import Path

import pytest

from backoffice.auth.user_files.faults import Fault
from backoffice.auth.user_files.reports import HEADER, opened_report
from backoffice.core import Conflict, InvalidInput

ONE, OTHER = "1" * 64, "2" * 64
HEAD = ",".join(HEADER)


def lines_of(path: Path) -> list[int]:
    head, *rows = path.read_text().splitlines()
    assert head == HEAD
    return [int(each.split(",")[0]) for each in rows]


def write(
    path: Path, *lines: int, after: int = 0, digest: str = ONE, dry_run: bool = False
) -> None:
    with opened_report(path, digest, dry_run=dry_run) as report:
        report.resume(after)
        report.add([(line, Fault("invalid_email")) for line in lines])


def test_what_was_written_of_lines_that_were_not_committed_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    write(path, 3, 7, 12)
    write(path, 12, 15, after=10)
    assert lines_of(path) == [3, 7, 12, 15]


def test_half_a_row_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    write(path, 3)
    path.write_text(path.read_text() + "4,inva")
    write(path, 5, after=10)
    assert lines_of(path) == [3, 5]


def test_what_was_not_kept_gives_way_to_the_next_try(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    with opened_report(path, ONE, dry_run=False) as report:
        report.resume(0)
        for line, kept in ((1, True), (2, False), (2, True), (3, False)):
            report.add([(line, Fault("invalid_email"))])
            if kept:
                report.keep()
    assert lines_of(path) == [1, 2, 3]


def test_a_report_is_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path / "report.csv", 1)
    assert (tmp_path / "report.csv").stat().st_mode & 0o777 == 0o600


def test_a_report_that_was_there_empty_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.touch(0o644)
    write(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_report_is_not_written_through_a_link(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.symlink_to(tmp_path / "of others")
    with pytest.raises(InvalidInput, match="it is a link"):
        write(path, 1)
    assert not (tmp_path / "of others").exists()


@pytest.mark.parametrize("kind", ["pipe", "null"])
def test_a_report_is_a_file(tmp_path: Path, kind: str) -> None:
    path = Path(os.devnull)
    if kind == "pipe":
        path = tmp_path / "report.csv"
        os.mkfifo(path)
    with pytest.raises(InvalidInput, match="is to be a file"):
        write(path, 1)


@pytest.mark.parametrize(
    "content", ["email\na@x.com\n", f"{HEAD}\n3,x,y,{OTHER[:16]}\n", "\x00\xff"]
)
def test_a_file_that_is_not_this_imports_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidInput) as refused, opened_report(path, ONE, dry_run=False):
        pass
    assert refused.value.code == "report_exists"
    assert path.read_bytes() == content.encode("latin-1")


def test_the_report_of_a_dry_run_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    write(path, 1, 2, dry_run=True)
    write(path, 5)
    assert lines_of(path) == [5]


def test_two_imports_do_not_write_one_report(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    with opened_report(path, ONE, dry_run=False), pytest.raises(Conflict) as refused:
        write(path, 1)
    assert refused.value.code == "report_in_use"


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        write(tmp_path / "no" / "report.csv", 1)
