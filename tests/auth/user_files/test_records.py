"""Lines of CSV and of JSON lines: what cannot be read costs no other line."""

import io
from typing import Any

import pytest

from backoffice.auth.user_files import records as records_module
from backoffice.auth.user_files.columns import Columns
from backoffice.auth.user_files.faults import Fault
from backoffice.auth.user_files.records import records
from backoffice.auth.user_files.sources import LONGEST_LINE, Lines
from backoffice.core import InvalidInput


def read(content: str | bytes, form: str = "csv", **columns: Any) -> list[tuple[int, Any]]:
    """Each line's number with its values, or with the code of what is wrong with it."""
    raw = content.encode() if isinstance(content, str) else content
    found = records(Lines(io.BytesIO(raw)), form, Columns(**columns))
    return [(line, each.code if isinstance(each, Fault) else each) for line, each in found]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header(delimiter: str) -> None:
    text = "email,roles\na@x.com,editor\n".replace(",", delimiter)
    assert read(text) == [(2, {"email": "a@x.com", "roles": "editor"})]


def test_a_mark_of_the_byte_order_windows_lines_and_empty_lines_are_no_matter() -> None:
    text = "\ufeffemail,roles\r\n\r\na@x.com,\r\n"
    assert read(text) == [(3, {"email": "a@x.com", "roles": ""})]


def test_a_quoted_cell_may_go_over_lines_and_the_next_line_is_counted_right() -> None:
    text = 'email,bio\na@x.com,"one\ntwo\n"\nb@x.com,three\n'
    assert read(text, ignored=["bio"]) == [(2, {"email": "a@x.com"}), (5, {"email": "b@x.com"})]


@pytest.mark.parametrize("bad", ['a@x.com,"never ends', 'a@x.com,"e"f', '"'])
def test_a_quote_that_does_not_end_costs_its_own_line_alone(bad: str) -> None:
    text = f"email,roles\n{bad}\nb@x.com,x\nc@x.com,y\n"
    found = read(text)
    assert found[0] == (2, "unreadable_line")
    assert found[1:] == [
        (3, {"email": "b@x.com", "roles": "x"}),
        (4, {"email": "c@x.com", "roles": "y"}),
    ]


def test_lines_of_which_each_begins_a_quote_that_does_not_end_are_not_all_read_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads, decoded = [0], records_module._decoded

    def counted(raw: bytes) -> str:
        reads[0] += 1
        return decoded(raw)

    monkeypatch.setattr(records_module, "_decoded", counted)
    found = read("email,roles\n" + 'x","y\n' * 1000)
    assert found == [(number, "unreadable_line") for number in range(2, 1002)]
    assert reads[0] < 150_000


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_line_without_end_takes_no_memory_and_costs_itself_alone(form: str) -> None:
    good = "a@x.com\n" if form == "csv" else '{"email": "a@x.com"}\n'
    head = "email\n" if form == "csv" else good
    text = f"{head}{'x' * (3 * LONGEST_LINE)}\n{good}"
    assert read(text, form)[-2:] == [(2, "unreadable_line"), (3, {"email": "a@x.com"})]


def test_too_few_or_too_many_cells_are_refused() -> None:
    assert [each for _, each in read("email,roles\na@x.com\na@x.com,b,c\n")] == [
        "wrong_columns"
    ] * 2


def test_bytes_that_are_no_text_are_there_to_be_refused() -> None:
    assert read(b"email\n\xff@x.com\n") == [(2, {"email": "\udcff@x.com"})]
    assert read(b'{"email": "\xff@x.com"}\n', "jsonl") == [(1, "not_text")]


@pytest.mark.parametrize(
    "bad",
    ["[]", "17", "{", '{"email": 1', "[" * 60_000, '{"email": "a", "email": "b"}', "1" * 5000],
)
def test_what_is_no_object_is_refused_and_the_next_line_is_read(bad: str) -> None:
    assert read(f'{bad}\n\n{{"email": "a@x.com"}}\n', "jsonl") == [
        (1, "unreadable_line"),
        (3, {"email": "a@x.com"}),
    ]


def test_a_name_that_is_no_column_ends_the_import_on_the_first_line_and_refuses_a_later_one() -> (
    None
):
    with pytest.raises(InvalidInput, match=r"'mail'.*There are email, password_hash"):
        read('{"mail": "a@x.com"}\n', "jsonl")
    assert read('{"email": "a"}\n{"mail": "a@x.com"}\n', "jsonl")[1] == (2, "unknown_column")


def test_an_escaped_cell_is_taken_as_it_was_but_for_a_password() -> None:
    assert read("email,password\n'=a@x.com,'=secret word\n") == [
        (2, {"email": "=a@x.com", "password": "'=secret word"})
    ]


@pytest.mark.parametrize("text", ["", "\n", '"never ends\n'])
def test_a_file_without_a_header_is_none(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"header|names no column"):
        read(text)
