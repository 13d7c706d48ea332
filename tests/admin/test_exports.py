"""Exports of the app's own models."""

import csv
import io
import json
from datetime import datetime
from decimal import Decimal

import pytest

from tests.admin.conftest import House
from tests.admin.library import Book


def test_an_export_holds_the_list_as_it_is_filtered(editor: House) -> None:
    """Numbers as numbers, moments as they can be read back, formulas as text."""
    editor.add(Book(id=8, title="=1+1", isbn="f", author_id=1, price=Decimal("0.50"), weight=-1.5))
    text = editor.open("/books/export?filter=author_id__eq=1&sort=id__asc").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Title"] for row in rows] == ["Alpha", "Gamma 100%", "'=1+1"]
    assert (rows[2]["Price"], rows[2]["Weight"]) == ("0.50", "-1.5")
    found = json.loads(editor.open("/books/export?format=json&q=alpha").text)
    assert [each["Title"] for each in found] == ["Alpha"]
    assert datetime.fromisoformat(found[0]["Added at"]).tzinfo is not None


def test_an_export_has_its_limit(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made in memory; the page says what to do."""
    monkeypatch.setenv("BACKOFFICE_ADMIN__EXPORT_LIMIT", "2")
    with House() as other:
        other.signed_in("books:view", "books:export")
        answer = other.open("/books/export")
        assert answer.status_code == 400
        assert "filter them to at most 2" in answer.text
        assert other.open("/books/export?q=alpha").status_code == 200
