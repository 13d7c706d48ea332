"""Records that are kept when they are deleted."""

import pytest

from backoffice.admin import Admin, ModelAdmin
from backoffice.auth import Auth
from backoffice.core import SetupError
from tests.admin.conftest import House
from tests.admin.deletions.archive import Card, Letter

EVERYTHING = ("letters:*", "cards:*")


def act(house: House, name: str, *keys: str, resource: str = "letters") -> int:
    form = {"name": name, "pks": list(keys)}
    status: int = house.send(f"/{resource}/action", form).status_code
    return status


def letter(house: House, key: int = 1) -> Letter | None:
    return house.get(Letter, key)


@pytest.fixture
def kept(house: House) -> House:
    house.add(Letter(name="First"), Letter(name="Second"), Card(name="Post"))
    return house


@pytest.mark.parametrize(("resource", "model"), [("letters", Letter), ("cards", Card)])
def test_a_deleted_record_is_out_of_sight_and_comes_back(
    kept: House, resource: str, model: type[Letter] | type[Card]
) -> None:
    """By a date as by a flag."""
    kept.signed_in(*EVERYTHING)
    name = "First" if model is Letter else "Post"
    assert "can be restored" in kept.open(f"/{resource}/action?name=delete&pks=1").text
    assert act(kept, "delete", "1", resource=resource) == 303
    kept.open("/")  # which takes the notice away
    assert name not in kept.open(f"/{resource}").text
    assert name in kept.open(f"/{resource}?deleted=only").text
    assert name not in kept.open(f"/{resource}/lookup?q=").text
    assert kept.get(model, 1) is not None
    assert act(kept, "restore", "1", resource=resource) == 303
    kept.open("/")
    assert name in kept.open(f"/{resource}").text
    assert name not in kept.open(f"/{resource}?deleted=only").text


def test_it_is_told_as_a_deletion_and_a_return(kept: House) -> None:
    kept.signed_in(*EVERYTHING)
    act(kept, "delete", "1")
    act(kept, "restore", "1")
    told = [each.event for each in kept.events()][-2:]
    assert told == ["admin.record_deleted", "admin.record_restored"]


def test_deleting_for_good_is_for_what_was_deleted(kept: House) -> None:
    kept.signed_in(*EVERYTHING)
    assert act(kept, "purge", "1") == 403
    assert letter(kept) is not None
    act(kept, "delete", "1")
    assert act(kept, "purge", "1") == 303
    assert letter(kept) is None


def test_each_needs_a_permission_of_its_own(kept: House) -> None:
    """Whoever may delete can neither look at what was deleted nor bring it back."""
    kept.signed_in("letters:view", "letters:change", "letters:delete")
    assert act(kept, "delete", "1") == 303
    kept.open("/")
    assert "First" not in kept.open("/letters?deleted=only").text
    assert "deleted=only" not in kept.open("/letters").text
    assert act(kept, "restore", "1") == 403
    assert act(kept, "purge", "1") == 403
    found = letter(kept)
    assert found is not None
    assert found.deleted_at is not None


def test_a_policy_on_deleting_holds_for_what_comes_after_it(kept: House) -> None:
    """Who could not have deleted it can neither restore it nor be rid of it."""
    kept.signed_in(*EVERYTHING)
    act(kept, "delete", "2")
    kept.call(_renamed(kept))
    assert act(kept, "restore", "2") == 403
    assert act(kept, "purge", "2") == 403


async def _renamed(house: House) -> None:
    async with house.services.database.session() as session:
        found = await session.get(Letter, 2)
        assert found is not None
        found.name = "Kept"
        await session.commit()


def test_what_is_deleted_is_not_edited(kept: House) -> None:
    """It is restored first; and no form deletes or restores by writing the column."""
    kept.signed_in(*EVERYTHING)
    assert kept.send("/letters/edit?pk=1", {"deleted_at": "2024-01-01T00:00:00"}).status_code == 303
    found = letter(kept)
    assert found is not None
    assert found.deleted_at is None
    act(kept, "delete", "1")
    assert kept.open("/letters/edit?pk=1").status_code == 403
    assert kept.send("/letters/edit?pk=1", {"name": "Other"}).status_code == 403
    assert act(kept, "delete", "1") == 403
    assert "is deleted, and kept" in kept.open("/letters/detail?pk=1").text


def test_a_reference_to_what_was_deleted_stays_and_is_not_made(kept: House) -> None:
    """An edit of something else does not lose it."""
    kept.signed_in(*EVERYTHING)
    kept.send("/cards/edit?pk=1", {"letter_id": "1"})
    act(kept, "delete", "1")
    act(kept, "delete", "2")
    page = kept.open("/cards/edit?pk=1").text
    assert '<option value="1" selected>First</option>' in page
    assert kept.send("/cards/edit?pk=1", {"letter_id": "1", "name": "New"}).status_code == 303
    refused = kept.send("/cards/edit?pk=1", {"letter_id": "2"})
    assert refused.status_code == 422
    assert "This letter is deleted." in refused.text
    found = kept.get(Card, 1)
    assert found is not None
    assert (found.letter_id, found.name) == (1, "New")


def test_soft_delete_names_a_column_or_is_switched_off() -> None:
    """A wrong one is refused when the app is made."""

    class Off(ModelAdmin):
        model = Letter
        soft_delete = ""

    class Wrong(ModelAdmin):
        model = Letter
        soft_delete = "name"

    assert Admin(Auth(), models=[Off])
    with pytest.raises(SetupError, match="soft_delete takes a column"):
        Admin(Auth(), models=[Wrong])
