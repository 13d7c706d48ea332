"""Imports of what nobody would type: refused in words, or written, and nothing half done."""

import json

from tests.admin.conftest import House
from tests.admin.importing import counts, sent, tried, written
from tests.admin.library import Book

ODD = (
    "\0",
    "x" * 20_000,
    "-1",
    "9" * 40,
    "3000000000",
    "{",
    "é\ud7ff",
    "on",
    "null",
    "[]",
    "'",
    " ",
    "1;2",
)


def test_odd_cells_are_refused_in_words_or_written(editor: House) -> None:
    """In every field, of new records and of those that are there; what a trial says comes true."""
    view = next(each for each in editor.admin.site.records() if each.resource == "books")
    fields = [each.name for each in view.fields if each.name not in ("id", "pages")]
    odd = [(name, cell) for name in fields for cell in ODD]
    good = {"title": "T", "author_id": 1}
    rows = [{"isbn": f"n{n}", **good, name: cell} for n, (name, cell) in enumerate(odd)]
    there = [{"isbn": f"o{n}", name: cell} for n, (name, cell) in enumerate(odd) if name != "isbn"]
    editor.add(*(Book(title="T", isbn=str(each["isbn"]), author_id=1) for each in there))
    for number in (sent(editor, json.dumps(rows)), sent(editor, json.dumps(there))):
        foreseen = counts(tried(editor, number, key="isbn"))
        assert sum(foreseen) in (len(rows), len(there))
        assert counts(written(editor, number)) == foreseen
        assert editor.open(f"/books/import?pk={number}").status_code == 200
        assert editor.open("/books?page_size=100").status_code == 200


def test_odd_keys_find_nothing(editor: House) -> None:
    rows = [
        {"id": each, "title": "T"} for each in (*ODD, 1.5, True, 10**30, 2**63 - 1, [1], {"a": 1})
    ]
    number = sent(editor, json.dumps(rows))
    found = tried(editor, number, key=".key")
    assert (found.changed, sum(counts(found))) == (0, len(rows))
