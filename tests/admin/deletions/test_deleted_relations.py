"""A record that is deleted and kept is out of sight at what it refers to as well."""

import re
from collections.abc import Iterator

import pytest

from backoffice.admin import Admin, ModelAdmin, TabularInline
from backoffice.auth import Auth
from tests.admin.conftest import House
from tests.admin.deletions.archive import Card, Letter
from tests.admin.extended import Extended


class Cards(TabularInline):
    model = Card


class LetterPage(ModelAdmin):
    model = Letter
    inlines = (Cards,)


def made(auth: Auth) -> Admin:
    return Admin(auth, models=[LetterPage, Card])


@pytest.fixture
def letters(settings: None) -> Iterator[House]:
    with Extended(made) as house:
        house.add(Letter(name="First"))
        house.add(
            Card(name="Shown", letter_id=1),
            Card(name="Put away", letter_id=1, is_deleted=True),
        )
        house.signed_in("letters:*", "cards:*")
        yield house


def test_it_is_neither_edited_there_nor_counted(letters: House) -> None:
    form = letters.open("/letters/edit?pk=1").text
    assert "Shown" in form
    assert "Put away" not in form
    record = letters.open("/letters/detail?pk=1").text
    assert re.search(r"Cards by Letter\W.*?\b1\b", record, re.DOTALL)
    assert not re.search(r"Cards by Letter\W.{0,200}?>\s*2\b", record, re.DOTALL)


def test_a_form_made_by_hand_does_not_reach_it(letters: House) -> None:
    sent = {"cards.letter_id-0.key": "2", "cards.letter_id-0-name": "Changed"}
    assert letters.send("/letters/edit?pk=1", {"name": "First", **sent}).status_code == 422
    card = letters.get(Card, 2)
    assert card is not None
    assert card.name == "Put away"
