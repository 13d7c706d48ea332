"""A new key takes over, and the old key is dead when it is over."""

from datetime import timedelta

import pytest

from backoffice.auth import key_watch
from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import MAX_KEYS, KeyRing, RingKey, signing
from backoffice.auth.rotation import OVERLAP, SHORT_LEAD, rotated
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError
from tests.auth.forging import MOMENT
from tests.auth.key_rotation.conftest import LEAD, NEW, NEWER, OLD, kids


def test_the_new_key_signs_after_the_lead_and_the_old_one_verifies_for_the_overlap() -> None:
    done = rotated([RingKey(OLD)], NEW, MOMENT, lead=LEAD, overlap=OVERLAP)
    assert signing(done.entries, MOMENT).key == OLD
    assert signing(done.entries, MOMENT + LEAD).key == NEW
    old = done.entries[1]
    assert old.retire_after == MOMENT + LEAD + OVERLAP
    assert not old.is_retired(MOMENT + LEAD + OVERLAP - timedelta(seconds=1))


def test_while_a_new_key_is_on_its_way_nothing_changes() -> None:
    first = rotated([RingKey(OLD)], NEW, MOMENT, lead=LEAD, overlap=OVERLAP)
    again = rotated(first.entries, NEWER, MOMENT + LEAD / 2, lead=LEAD, overlap=OVERLAP)
    assert not again.changes
    assert again.entries == first.entries
    after = rotated(first.entries, NEWER, MOMENT + LEAD, lead=LEAD, overlap=OVERLAP)
    assert kids(after.entries) == ["m", "n", "o"]


def test_without_a_lead_the_new_key_signs_at_once_even_before_one_on_its_way() -> None:
    first = rotated([RingKey(OLD)], NEW, MOMENT, lead=LEAD, overlap=OVERLAP)
    done = rotated(first.entries, NEWER, MOMENT, lead=timedelta(), overlap=OVERLAP)
    for moment in (MOMENT, MOMENT + LEAD, MOMENT + 2 * LEAD):
        assert signing(done.entries, moment).key == NEWER


def test_without_lead_or_overlap_all_earlier_keys_are_out_at_once() -> None:
    """Those too whose own overlap is not over: a key, or the whole file, has leaked."""
    first = rotated([RingKey(OLD)], NEW, MOMENT, lead=LEAD, overlap=OVERLAP)
    done = rotated(first.entries, NEWER, MOMENT, lead=timedelta(), overlap=timedelta())
    assert kids(done.removed) == ["n", "o"]
    assert kids(done.entries) == ["m"]


def test_a_shorter_overlap_takes_nothing_from_an_earlier_one() -> None:
    first = rotated([RingKey(OLD)], NEW, MOMENT, lead=LEAD, overlap=24 * OVERLAP)
    later = MOMENT + LEAD
    done = rotated(first.entries, NEWER, later, lead=LEAD, overlap=OVERLAP)
    retiring = {each.key.kid: each.retire_after for each in done.entries}
    assert retiring == {
        "m": None,
        "n": later + LEAD + OVERLAP,
        "o": MOMENT + LEAD + 24 * OVERLAP,
    }


def test_what_is_over_is_taken_out() -> None:
    first = rotated([RingKey(OLD)], NEW, MOMENT, lead=LEAD, overlap=OVERLAP)
    later = rotated(first.entries, NEWER, MOMENT + LEAD + OVERLAP, lead=LEAD, overlap=OVERLAP)
    assert kids(later.removed) == ["o"]
    assert kids(later.entries) == ["m", "n"]


def test_the_first_key_of_all_signs_at_once() -> None:
    done = rotated([], NEW, MOMENT, lead=LEAD, overlap=OVERLAP)
    assert signing(done.entries, MOMENT).key == NEW


def test_a_ring_that_is_full_says_what_to_do() -> None:
    entries = [RingKey(SigningKey.generated("HS256")) for _ in range(MAX_KEYS)]
    with pytest.raises(SetupError, match="--overlap 0s"):
        rotated(entries, NEW, MOMENT, lead=LEAD, overlap=OVERLAP)


def test_two_processes_never_refuse_each_others_tokens_while_a_key_rotates(file: KeyFile) -> None:
    """One reads the file at once, the other a second later: by then nobody has signed with it."""
    file.write([RingKey(OLD)])
    early, late = (watch_of(file) for _ in range(2))
    for key in (NEW, NEWER):
        start = MOMENT if key is NEW else MOMENT + timedelta(seconds=30)
        done = rotated(file.read()[0], key, start, lead=SHORT_LEAD, overlap=OVERLAP)
        file.write(done.entries)
        for tenth in range(100):
            moment = start + tenth * timedelta(seconds=0.1)
            early.look()
            if tenth >= 10:
                late.look()
            for one, other in ((early.ring, late.ring), (late.ring, early.ring)):
                assert other.verified(one.sign(b"{}", "at+jwt", moment), "at+jwt", moment)
        assert signing(late.ring.entries, moment).key == key


def watch_of(file: KeyFile) -> key_watch.RingWatch:
    entries, stamp = file.read()
    return key_watch.RingWatch(KeyRing(entries, "python-jose"), file, stamp)
