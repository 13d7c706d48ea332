"""What a hash may ask for is bounded before it is run."""

import pytest

from backoffice.auth.password_costs import kind_of
from backoffice.auth.password_hashes import judged, prepare

pytestmark = pytest.mark.costly_passwords

BCRYPT = "a" * 53
TAIL = "c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
GREEDY = [
    f"$argon2id$v=19$m=4194304,t=1,p=1${TAIL}",
    f"$argon2id$v=19$m=262144,t=5,p=1${TAIL}",
    f"$argon2id$v=19$m=47104,t=4294967295,p=1${TAIL}",
    f"$argon2id$v=19$m=47104,t=1,p=1000${TAIL}",
    f"argon2$argon2id$v=19$m=4194304,t=1,p=1${TAIL}",
    f"$2b$16${BCRYPT}",
    f"$2y$31${BCRYPT}",
    f"bcrypt$$2b$31${BCRYPT}",
    f"bcrypt_sha256$$2b$31${BCRYPT}",
    f"$bcrypt-sha256$v=2,t=2b,r=31${BCRYPT}",
    "pbkdf2_sha256$2147483648$salt$aGFzaA==",
    "pbkdf2_sha256$99999999999999999999$salt$aGFzaA==",
    "pbkdf2_sha256$0$salt$aGFzaA==",
    "pbkdf2_sha1$2147483648$salt$aGFzaA==",
    "pbkdf2:sha256:2147483648$salt$ff",
    f"$pbkdf2$2147483648${TAIL}",
    f"$pbkdf2-sha256$2147483648${TAIL}",
    f"$pbkdf2-sha512$2147483648${TAIL}",
    "scrypt$1073741824$salt$8$1$aGFzaA==",
    "scrypt$16384$salt$8$1000$aGFzaA==",
    "scrypt$16384$salt$1000000$1$aGFzaA==",
    "scrypt:4194304:8:1$salt$ff",
    f"$scrypt$ln=31,r=8,p=1${TAIL}",
    f"$scrypt$ln=4000000000,r=8,p=1${TAIL}",
    "$P$S" + "a" * 30,
]
FORMER = [
    f"$argon2id$v=19$m=102400,t=2,p=8${TAIL}",
    f"$argon2id$v=19$m=65536,t=3,p=4${TAIL}",
    f"$2b$14${BCRYPT}",
    "pbkdf2_sha256$1500000$salt$aGFzaA==",
    "scrypt$131072$salt$8$1$aGFzaA==",
    "$P$Baaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]


@pytest.mark.parametrize("stored", GREEDY)
def test_a_hash_that_asks_for_too_much_is_not_run(stored: str) -> None:
    prepare()
    found = judged("any password", stored)
    assert not found.right
    assert found.run.kind.form == "argon2"
    assert found.run.kind.costs == (47_104, 1, 1)
    assert "too costly" in found.fault


@pytest.mark.parametrize("stored", FORMER)
def test_what_others_ask_for_by_default_is_given(stored: str) -> None:
    assert kind_of(stored) is not None
