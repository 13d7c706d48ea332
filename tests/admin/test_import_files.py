"""Files of imports: however people save tables, they are read; the rest is refused in words."""

import gzip
import json
import math
import tracemalloc

import pytest

from backoffice.admin.imports.cells import unguarded
from backoffice.admin.imports.files import MOST_ROWS, Unreadable, read, rows_of

CITIES = [["Zürich", "1"], ["Genève; old", "2"]]


def cells(content: bytes) -> list[list[object]]:
    sheet = read(content)
    rows = (row for part in sheet.parts for row in rows_of(part))
    return [[row.cell(index) for index in range(len(sheet.columns))] for row in rows]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_whatever_a_spreadsheet_saves_is_read(codec: str, delimiter: str) -> None:
    """Its letters, what stands between its cells, line ends of each kind, and quotes."""
    lines = ["name", "n"], *[[f'"{name}"', n] for name, n in CITIES]
    for end in ("\n", "\r\n", "\r"):
        text = end.join(delimiter.join(each) for each in lines) + end
        mark = codec == "utf-16-le-bom"
        content = b"\xff\xfe" + text.encode("utf-16-le") if mark else text.encode(codec)
        sheet = read(content)
        assert sheet.columns == ["name", "n"]
        assert cells(content) == CITIES
        assert sheet.encoding == {"u": f"UTF-{16 if '16' in codec else 8}"}.get(
            codec[0], "Windows-1252"
        )


def test_rows_are_counted_as_a_spreadsheet_does() -> None:
    """Empty ones too; what has too few or too many cells says so itself."""
    sheet = read(b'a,b\n\n1,"x\ny"\n2\n3,4,5\n')
    found = rows_of(sheet.parts[0])
    assert [(each.number, each.problem[:16]) for each in found] == [
        (3, ""),
        (4, "This row has 1 c"),
        (5, "This row has 3 c"),
    ]


def test_json_tells_what_is_not_there_from_what_is_empty() -> None:
    content = json.dumps([{"a": 1, "b": None}, {"b": [1]}, {"c": math.pi}]).encode()
    assert read(content).columns == ["a", "b", "c"]
    assert cells(content) == [[1, "", None], [None, [1], None], [None, None, math.pi]]


REFUSED = {
    b"": "The file is empty",
    b"\xef\xbb\xbf \n": "The file is empty",
    b"a,b\n": "There are no rows",
    b"PK\x03\x04....": "Save it as CSV",
    gzip.compress(b"a\n" * 1000): "Save it as CSV",
    b"\x89PNG\r\n\x1a\n\0\0": "no text",
    b"a\x81,b\n1,2\n": "no text that can be read",
    b"\xff\xfea\0\x00": "no text that can be read",
    b'a,b\n1,"2\n3,4\n': "a quote too many",
    b'a,b\n1,"2"x\n': "a quote too many",
    b"a,a\n1,2\n": "Two columns are called",
    b"a" * 300 + b"\n1\n": "too long",
    b"a\n" + b"x" * 200_000 + b"\n": "cannot be read after row 1",
    b",".join(b"c%d" % n for n in range(300)) + b"\n1\n": "300 columns",
    b"a\n" + b"1\n" * (MOST_ROWS + 1): "Split it",
    b'{"a": 1}': "one list of objects",
    b"[1, 2]": "one list of objects",
    b"[]": "no rows",
    b"[{}]": "",
    b'[{"a": NaN}]': "NaN is no value",
    b'[{"a": 1}': "not JSON",
    b'[{"a": ' + b"9" * 5000 + b"}]": "not JSON",
    b"[" * 100_000: "too deep",
    b'[{"a":' + b'{"a":' * 100_000: "too deep",
    b'[{"\\ud800": 1}]': "cannot be stored",
    b'[{"a\\u0000": 1}]': "cannot be stored",
}


@pytest.mark.parametrize(("content", "said"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_none_is_refused_in_words(content: bytes, said: str) -> None:
    """And no bomb goes off."""
    if not said:
        assert read(content).columns == []
        return
    with pytest.raises(Unreadable, match=said):
        read(content)


def test_half_a_character_is_a_row_that_cannot_be_stored() -> None:
    sheet = read(b'[{"a": "\\ud800"}, {"a": 1e999}, {"a": "fine"}]')
    problems = [bool(each.problem) for each in rows_of(sheet.parts[0])]
    assert problems == [True, True, False]


def test_lists_within_lists_are_a_row_that_cannot_be_stored() -> None:
    """As deep as they can be read at all, and on a shorter stack could not be read again."""
    for deep in (60, 500, 900, 950, 980, 985, 986, 987, 988, 989):
        content = b'[{"a": ' + b"[" * deep + b"]" * deep + b'}, {"a": [[1]]}]'
        try:
            sheet = read(content)
        except Unreadable:
            continue
        problems = [bool(each.problem) for each in rows_of(sheet.parts[0])]
        assert problems == [True, False], deep


def test_a_row_of_very_many_cells_takes_no_more_than_the_file() -> None:
    """Neither are that many columns named, nor is what no column has kept."""
    many = b"," * 500_000 + b"\n"
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="500,001 columns"):
            read(many + b"1\n")
        assert tracemalloc.get_traced_memory()[1] < 40 * len(many)
    finally:
        tracemalloc.stop()
    sheet = read(b"a\n" + many)
    assert len(sheet.parts[0]) < 200


def test_objects_that_name_little_are_kept_as_little() -> None:
    """A name in one of them is a column of all."""
    names = {str(number): 1 for number in range(200)}
    content = json.dumps([names, *({"199": 2} for _ in range(1000))]).encode()
    assert sum(map(len, read(content).parts)) < 4 * len(content)
    assert cells(content)[1000] == [None] * 199 + [2]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("'=1+1", "=1+1"),
        ("'-x", "-x"),
        ("' =x", " =x"),
        ("'t Hooft", "'t Hooft"),
        ("''", "''"),
        ("=1", "=1"),
        ("", ""),
    ],
)
def test_the_guard_against_formulas_is_taken_off_again(text: str, meant: str) -> None:
    """And a quote that is none stays."""
    assert unguarded(text) == meant
