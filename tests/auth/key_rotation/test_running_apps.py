"""Running apps follow the key ring, and nobody is signed out."""

import pytest

from backoffice.auth.jws import decoded, encoded
from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import RingKey
from backoffice.auth.rotation import OVERLAP, rotated
from backoffice.core.testing import ManualClock
from tests.auth.defects import N_P256
from tests.auth.forging import KEYS, MOMENT
from tests.auth.key_rotation.conftest import LEAD, NEW, OLD, App, Command, followed, kid_of


def test_a_running_app_signs_by_the_new_key_and_signs_nobody_out(
    app: App, file: KeyFile, time: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCESS_LIFETIME", "PT5H")
    file.write([RingKey(OLD)])
    with app() as house:
        house.user()
        before = house.token()
        file.write(rotated([RingKey(OLD)], NEW, MOMENT, lead=LEAD, overlap=OVERLAP).entries)
        followed(house, file)
        between = house.token()
        time.advance(LEAD.total_seconds())
        after = house.token()
        assert [kid_of(each) for each in (before, between, after)] == ["o", "o", "n"]
        for each in (before, between, after):
            assert house.get("/who", each).status_code == 200
        time.advance(OVERLAP.total_seconds() - 1)
        assert house.get("/who", before).status_code == 200
        time.advance(1)
        for each, status in ((before, 401), (between, 401), (after, 200)):
            assert house.get("/who", each).status_code == status


def test_a_key_that_is_taken_out_is_refused_by_the_running_app(app: App, file: KeyFile) -> None:
    file.write([RingKey(OLD), RingKey(NEW)])
    with app() as house:
        house.user()
        stolen = house.token()
        assert house.get("/who", stolen).status_code == 200
        file.write([RingKey(NEW)])
        followed(house, file)
        answer = house.get("/feed", stolen)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "invalid_token")
        assert house.get("/who", house.token()).status_code == 200


def test_no_other_text_of_a_token_brings_an_ended_session_back(app: App, file: KeyFile) -> None:
    """Of an ES256 token anybody can write another that verifies: (r, n-s) beside (r, s)."""
    file.write([RingKey(KEYS["ES256"])])
    with app() as house:
        house.user()
        token = house.token()
        signed, _, signature = token.rpartition(".")
        raw = decoded(signature)
        twin = N_P256 - int.from_bytes(raw[32:])
        other = f"{signed}.{encoded(raw[:32] + twin.to_bytes(32))}"
        assert [house.get("/who", each).status_code for each in (token, other)] == [200, 200]
        assert house.post("/auth/logout", other).status_code == 204
        texts = (token, other, f"{token}=", f"{token} ", token + "\t", f"{other}=")
        assert {house.get("/who", each).status_code for each in texts} == {401}


def test_moving_to_a_key_ring_signs_nobody_out(
    app: App, file: KeyFile, rotate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_AUTH__KEY_RING")
    with app() as house:
        house.user()
        tokens = house.login().json()
    monkeypatch.setenv("BACKOFFICE_AUTH__KEY_RING", str(file.path))
    assert rotate("--alg", "ES256")[0] == 0
    with app() as house:
        assert house.get("/who", tokens["access_token"]).status_code == 200
        refreshed = house.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert refreshed.status_code == 200


def test_a_new_secret_key_signs_nobody_out_while_the_old_one_is_named(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_AUTH__KEY_RING")
    with app() as house:
        house.user()
        tokens, cookie = house.login().json(), house.cookie()
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "n" * 40)
    with app() as house:
        assert house.get("/who", tokens["access_token"]).status_code == 401
        assert house.get("/who", cookie=cookie).status_code == 401
    monkeypatch.setenv("BACKOFFICE_PREVIOUS_SECRET_KEYS", "k" * 32)
    with app() as house:
        assert house.get("/who", tokens["access_token"]).status_code == 200
        assert house.get("/who", cookie=cookie).status_code == 200
        body = {"refresh_token": tokens["refresh_token"]}
        renewed = house.post("/auth/refresh", json=body).json()
    monkeypatch.delenv("BACKOFFICE_PREVIOUS_SECRET_KEYS")
    with app() as house:
        assert house.get("/who", renewed["access_token"]).status_code == 200
        body = {"refresh_token": renewed["refresh_token"]}
        assert house.post("/auth/refresh", json=body).status_code == 200
