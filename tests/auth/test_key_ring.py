"""The key ring: which key signs, which keys are believed, and which keys do not go together."""

import uuid
from datetime import datetime, timedelta

import pytest

from backoffice.auth.credentials import REFRESH, Seal
from backoffice.auth.jws import InvalidToken
from backoffice.auth.key_ring import MAX_KEYS, KeyRing, RingKey, of_secrets, signing
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError
from tests.auth.forging import KEYS, MOMENT, SESSION, claims, header, segment, token

HOUR = timedelta(hours=1)
TYPE = "at+jwt"
OLD, NEW = (SigningKey.of_secret(letter * 32, letter.decode()) for letter in (b"o", b"n"))


def at(hours: float) -> datetime:
    return MOMENT + hours * HOUR


def kid_of(entries: list[RingKey], moment: datetime = MOMENT) -> str | None:
    return signing(entries, moment).key.kid


def test_the_newest_key_whose_time_has_come_signs() -> None:
    ring = [RingKey(OLD, at(-2)), RingKey(NEW, at(1))]
    assert kid_of(ring) == "o"
    assert kid_of(ring, at(1)) == "n"


def test_a_key_that_stays_signs_rather_than_one_that_retires() -> None:
    ring = [RingKey(OLD, at(-1), retire_after=at(2)), RingKey(NEW, at(-2))]
    assert kid_of(ring) == "n"


def test_of_two_without_a_time_the_first_signs() -> None:
    assert kid_of([RingKey(OLD), RingKey(NEW)]) == "o"


def test_a_key_signs_too_early_rather_than_that_nobody_is_signed_in() -> None:
    assert kid_of([RingKey(OLD, at(2)), RingKey(NEW, at(1))]) == "n"
    assert kid_of([RingKey(OLD, retire_after=MOMENT), RingKey(NEW, at(1))]) == "n"


def test_a_key_is_believed_before_it_signs_and_until_it_retires() -> None:
    ring = KeyRing([RingKey(OLD, retire_after=at(1)), RingKey(NEW, at(1))], "python-jose")
    assert ring.verified(token(NEW), TYPE, MOMENT)
    assert ring.verified(token(OLD), TYPE, at(1) - timedelta(seconds=1))
    with pytest.raises(InvalidToken):
        ring.verified(token(OLD), TYPE, at(1))


def test_a_token_is_verified_by_the_key_that_it_names_alone() -> None:
    ring = KeyRing([RingKey(OLD), RingKey(NEW)], "python-jose")
    for kid in ("o", "n", "x", None, "O"):
        text = token(OLD, header(OLD, kid=kid or ...))
        if kid == "o":
            assert ring.verified(text, TYPE, MOMENT)
        else:
            with pytest.raises(InvalidToken):
                ring.verified(text, TYPE, MOMENT)


def test_a_key_that_was_taken_out_is_refused_at_once() -> None:
    ring = KeyRing([RingKey(OLD), RingKey(NEW)], "python-jose")
    text = token(OLD)
    assert ring.verified(text, TYPE, MOMENT)
    ring.replace([RingKey(NEW)])
    with pytest.raises(InvalidToken):
        ring.verified(text, TYPE, MOMENT)


def test_a_ring_that_cannot_be_replaced_stays_as_it_was() -> None:
    ring = KeyRing([RingKey(OLD)], "python-jose")
    for bad in ([], [RingKey(NEW), RingKey(NEW)], [RingKey(KEYS["PS256"])]):
        with pytest.raises(SetupError):
            ring.replace(bad)
    assert [each.key for each in ring.entries] == [OLD]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([], "1 to 32 keys"),
        ([RingKey(OLD)] * (MAX_KEYS + 1), "1 to 32 keys"),
        ([RingKey(OLD), RingKey(SigningKey.of_secret(b"x" * 32, "o"))], "same kid"),
        ([RingKey(OLD, retire_after=at(5))], "none would be left"),
        ([RingKey(OLD), RingKey(KEYS["ES256"])], "mixed"),
        ([RingKey(SigningKey("ES256", "p", public=KEYS["ES256"].public))], "private half"),
        (
            [
                RingKey(KEYS["RS256"]),
                RingKey(SigningKey("ES256", "p", public=KEYS["ES256"].public)),
            ],
            "private half",
        ),
    ],
    ids=["none", "too many", "one kid", "all retire", "mixed", "public", "public beside private"],
)
def test_keys_that_do_not_go_together_are_refused(entries: list[RingKey], told: str) -> None:
    with pytest.raises(SetupError, match=told):
        KeyRing(entries, "python-jose")


def test_a_secret_may_give_way_to_a_public_key() -> None:
    """Each verifies by its own algorithm alone: there is nothing to confuse."""
    ring = KeyRing([RingKey(OLD, retire_after=at(1)), RingKey(KEYS["ES256"])], "python-jose")
    assert ring.verified(token(OLD), TYPE, MOMENT)
    assert ring.verified(token(KEYS["ES256"]), TYPE, MOMENT)
    for key, other in ((OLD, KEYS["ES256"]), (KEYS["ES256"], OLD)):
        for head in (header(key, kid=other.kid), header(other, kid=key.kid), header(other)):
            with pytest.raises(InvalidToken):
                ring.verified(token(key, head), TYPE, MOMENT)


def test_a_public_key_that_retires_verifies_what_its_private_half_signed() -> None:
    public = SigningKey("ES256", KEYS["ES256"].kid, public=KEYS["ES256"].public)
    ring = KeyRing([RingKey(KEYS["RS256"]), RingKey(public, retire_after=at(1))], "python-jose")
    assert ring.verified(token(KEYS["ES256"]), TYPE, MOMENT)


@pytest.mark.parametrize("algorithm", ["PS256", "Ed25519", "EdDSA"])
def test_what_python_jose_lacks_is_refused_at_start_with_the_way_out(algorithm: str) -> None:
    with pytest.raises(SetupError, match=r"auth\[joserfc\].*TOKEN_LIBRARY to joserfc"):
        KeyRing([RingKey(KEYS[algorithm])], "python-jose")


def test_without_joserfc_its_choice_is_refused_at_start_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backoffice.auth.signatures.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"install fastapi-backoffice-auth\[joserfc\]"):
        KeyRing([RingKey(OLD)], "joserfc")


def test_python_jose_signs_with_cryptography_and_not_with_ecdsa() -> None:
    """The package `ecdsa` can be timed (CVE-2024-23342)."""
    from jose import jwk

    assert jwk.construct(KEYS["ES256"].public, "ES256").__module__.endswith("cryptography_backend")  # type: ignore[arg-type]


def test_an_earlier_secret_still_verifies_and_the_present_one_signs() -> None:
    before = KeyRing(of_secrets([b"old" * 20]), "python-jose")
    between = KeyRing(of_secrets([b"new" * 20, b"old" * 20]), "python-jose")
    after = KeyRing(of_secrets([b"new" * 20]), "python-jose")
    text = before.sign(segment(claims()).encode(), TYPE, MOMENT)
    assert between.verified(text, TYPE, MOMENT)
    with pytest.raises(InvalidToken):
        after.verified(text, TYPE, MOMENT)
    assert after.verified(between.sign(b"x", TYPE, MOMENT), TYPE, MOMENT).payload == b"x"


def test_a_key_that_is_derived_from_a_secret_tells_nothing_of_it() -> None:
    (entry,) = of_secrets([b"s" * 40])
    assert entry.key.secret != b"s" * 40
    assert (entry.key.kid or "").encode() not in (entry.key.secret or b"").hex().encode()
    assert b"s" * 40 not in repr(entry).encode()


def test_an_earlier_secret_still_opens_seals_and_the_present_one_seals() -> None:
    id = uuid.UUID(SESSION)
    old, new = b"o" * 32, b"n" * 32
    between = Seal.of_secrets([new, old], "refresh token", REFRESH)
    sealed = Seal.of_secrets([old], "refresh token", REFRESH).sealed(id, 3)
    assert between.opened(sealed) == (id, 3)
    assert between.sealed(id, 3) == Seal.of_secrets([new], "refresh token", REFRESH).sealed(id, 3)
    assert Seal.of_secrets([new], "refresh token", REFRESH).opened(sealed) is None
    assert Seal.of_secrets([new, old], "session cookie", REFRESH).opened(sealed) is None
