"""What a file calls the columns, and what a spreadsheet would make of a cell."""

import pytest

from backoffice.auth.user_files.columns import COLUMNS, Columns, guarded, unguarded
from backoffice.core import InvalidInput


def test_the_file_may_call_a_column_otherwise_and_have_others() -> None:
    columns = Columns({"email": "Mail"}, ["notes"])
    assert columns.named(["Mail", "notes", "roles"]) == ["email", None, "roles"]


def test_an_unknown_column_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as refused:
        Columns().named(["email", "nickname"])
    assert refused.value.code == "unknown_column"
    assert all(
        each in refused.value.message for each in ("nickname", *COLUMNS, "--map", "--ignore")
    )


@pytest.mark.parametrize("header", [["mail"], ["Mail", "email"]])
def test_a_column_that_was_mapped_must_be_there_and_the_old_name_is_unknown(
    header: list[str],
) -> None:
    with pytest.raises(InvalidInput):
        Columns({"email": "Mail"}).named(header)


def test_a_file_without_a_header_does_not_have_its_first_secret_printed() -> None:
    with pytest.raises(InvalidInput) as refused:
        Columns().named(["ann@example.com", "hunter2-the-second"])
    assert refused.value.code == "missing_column"
    assert "hunter2" not in refused.value.message
    assert "ann" not in refused.value.message


@pytest.mark.parametrize("mapped", [{"mail": "email"}, {"email": "x", "roles": "x"}])
def test_a_mapping_that_cannot_be_is_refused(mapped: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Columns(mapped)


def test_a_column_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        Columns().named(["email", "email"])


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "'=x", "''=x"])
def test_a_formula_is_escaped_and_comes_back_as_it_was(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize("cell", ["ann@example.com", "'ann@example.com", "$argon2id$", "", "'"])
def test_any_other_cell_is_left_as_it_is(cell: str) -> None:
    assert guarded(cell) == unguarded(cell) == cell
