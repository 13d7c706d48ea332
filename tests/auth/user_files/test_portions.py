"""A file as portions, from its beginning and from where it was stopped."""

import gzip
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backoffice.auth.user_files import portions
from backoffice.auth.user_files.seen import opened_seen
from backoffice.auth.user_files.sources import opened_source
from backoffice.auth.user_files.terms import Terms
from backoffice.core import Conflict


def parts(path: Path, after: int = 0) -> list[portions.Portion]:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    with opened_source(str(path)) as source, opened_seen() as seen:
        return list(portions.portions(source, Terms("csv"), seen, now, after))


def lines_of(part: portions.Portion) -> tuple[list[int], list[tuple[int, str]]]:
    return [each.line for each in part.rows], [(line, each.code) for line, each in part.refused]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "people.csv"
    found.write_text("email\na@x.com\nnobody\nb@x.com\na@x.com\nc@x.com\n")
    return found


def test_a_line_that_is_done_is_not_there_again_and_a_double_of_it_is_refused(path: Path) -> None:
    assert lines_of(parts(path)[0]) == ([2, 4, 6], [(3, "invalid_email"), (5, "duplicate_line")])
    assert lines_of(parts(path, after=4)[0]) == ([6], [(5, "duplicate_line")])
    assert lines_of(parts(path, after=2)[0]) == (
        [4, 6],
        [(3, "invalid_email"), (5, "duplicate_line")],
    )


@pytest.mark.parametrize(
    ("limit", "cell"), [("LINES", ""), ("PASSWORDS", "a word"), ("GRANTS", "")]
)
def test_what_takes_long_is_written_in_smaller_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, cell: str
) -> None:
    monkeypatch.setattr(portions, limit, 2)
    path = tmp_path / "people.csv"
    rows = "".join(f"p{number}@x.com,{cell},editor\n" for number in range(5))
    path.write_text(f"email,password,roles\n{rows}")
    assert [each.line for each in parts(path)] == [3, 5, 6]


def test_a_file_that_is_changed_meanwhile_is_not_taken_for_the_one_it_was(path: Path) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    with opened_source(str(path)) as source, opened_seen() as seen:
        path.write_text("email\nz@x.com\n")
        with pytest.raises(Conflict) as refused:
            list(portions.portions(source, Terms("csv"), seen, now, 0))
    assert refused.value.code == "file_changed"


def test_a_packed_file_that_is_none_any_more_is_changed_too(tmp_path: Path) -> None:
    path, now = tmp_path / "people.csv.gz", datetime(2026, 11, 21, tzinfo=UTC)
    packed = gzip.compress(b"email\n" + b"".join(b"p%d@x.com\n" % number for number in range(9999)))
    path.write_bytes(packed)
    with opened_source(str(path)) as source, opened_seen() as seen:
        path.write_bytes(packed[:99])
        with pytest.raises(Conflict) as refused:
            list(portions.portions(source, Terms("csv"), seen, now, 0))
    assert refused.value.code == "file_changed"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email\n" + "".join(f"p{number}@x.com\n" for number in range(50_000)))

    def peak() -> int:
        now = datetime(2026, 11, 21, tzinfo=UTC)
        tracemalloc.start()
        try:
            with opened_source(str(path)) as source, opened_seen() as seen:
                for _ in portions.portions(source, Terms("csv"), seen, now, 0):
                    pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak() < 5 << 20
