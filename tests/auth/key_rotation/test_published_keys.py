"""The keys by which others verify our tokens are published."""

from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import RingKey
from backoffice.auth.rotation import OVERLAP, rotated
from backoffice.core.testing import ManualClock
from tests.auth.forging import KEYS, MOMENT
from tests.auth.key_rotation.conftest import LEAD, OLD, App, followed

JWKS = "/auth/.well-known/jwks.json"


def test_the_public_keys_are_there_for_anybody_and_verify_our_tokens(
    app: App, file: KeyFile
) -> None:
    """Checked by PyJWT, which is neither of our libraries."""
    import jwt

    entries = [RingKey(KEYS["ES256"]), RingKey(KEYS["RS256"])]
    file.write([*entries, RingKey(OLD, retire_after=MOMENT + OVERLAP)])
    with app() as house:
        house.user()
        answer = house.get(JWKS)
        token = house.token()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert [each["kid"] for each in keys] == ["key-ES256", "key-RS256"]
    assert not any({"d", "p", "q", "dp", "dq", "qi", "k"} & each.keys() for each in keys)
    key = jwt.PyJWKSet.from_dict(answer.json())["key-ES256"]
    # The token is of MOMENT, and PyJWT asks no clock but the machine's.
    ignored = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        audience="backoffice",
        issuer="backoffice",
        options=ignored,  # type: ignore[arg-type]
    )
    assert claims["exp"] - claims["iat"] == 900


def test_a_secret_is_not_published(app: App, file: KeyFile) -> None:
    file.write([RingKey(OLD)])
    with app() as house:
        answer = house.get(JWKS)
    assert (answer.status_code, answer.json()) == (200, {"keys": []})


def test_a_new_key_is_published_before_it_signs_and_until_it_retires(
    app: App, file: KeyFile, time: ManualClock
) -> None:
    first = rotated([RingKey(KEYS["RS256"])], KEYS["ES256"], MOMENT, lead=LEAD, overlap=OVERLAP)
    file.write(first.entries)
    with app() as house:
        assert len(house.get(JWKS).json()["keys"]) == 2
        time.advance((LEAD + OVERLAP).total_seconds())
        assert [each["kid"] for each in house.get(JWKS).json()["keys"]] == ["key-ES256"]


def test_the_published_keys_are_sent_again_only_when_they_have_changed(
    app: App, file: KeyFile
) -> None:
    file.write([RingKey(KEYS["ES256"])])
    with app() as house:
        answer = house.get(JWKS)
        tag = answer.headers["etag"]
        for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = house.client.get(JWKS, headers={"If-None-Match": held})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        assert house.client.get(JWKS, headers={"If-None-Match": '"other"'}).status_code == 200
        file.write([RingKey(KEYS["RS256"])])
        followed(house, file)
        changed = house.client.get(JWKS, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["etag"] == tag) == (200, False)


def test_the_published_keys_need_no_credential_and_mind_none(app: App, file: KeyFile) -> None:
    file.write([RingKey(KEYS["ES256"])])
    with app() as house:
        assert house.get(JWKS, token="no token").status_code == 200
        assert house.client.post(JWKS).status_code == 405
