"""Rotation: a new key takes over, nobody is signed out, and the old key is dead when it is over."""

import io
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic as clock
from typing import Any

import pytest

from backoffice.auth import key_watch
from backoffice.auth.jws import decoded, encoded
from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import MAX_KEYS, KeyRing, RingKey, of_secrets, signing
from backoffice.auth.rotation import OVERLAP, SHORT_LEAD, rotated
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError
from backoffice.core.command import main
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House, built, create_tables
from tests.auth.defects import N_P256
from tests.auth.forging import KEYS, MOMENT, pem_of

LEAD = timedelta(minutes=5)
OLD, NEW, NEWER = (
    SigningKey.of_secret(letter * 32, letter.decode()) for letter in (b"o", b"n", b"m")
)
Command = Callable[..., tuple[int, Any, str]]


def kids(entries: list[RingKey]) -> list[str | None]:
    return [each.key.kid for each in entries]


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


APP = """
from fastapi import FastAPI
from backoffice.auth import Auth
app = FastAPI()
app.include_router(Auth().router, prefix="/auth")
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFile:
    path = tmp_path / "keys.json"
    monkeypatch.setenv("BACKOFFICE_AUTH__KEY_RING", str(path))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    return KeyFile(path)


@pytest.fixture
def rotate(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `backoffice secrets rotate ... --json`: the exit code, the answer and stderr."""
    monkeypatch.chdir(file.path.parent)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def run(*arguments: str, as_json: bool = True) -> tuple[int, Any, str]:
        told = ["backoffice", "secrets", "rotate", *arguments, *["--json"][: int(as_json)]]
        monkeypatch.setattr(sys, "argv", told)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(out) if as_json and out else out, err

    return run


def test_the_command_makes_the_file_and_keeps_what_was_in_force(
    rotate: Command, file: KeyFile
) -> None:
    code, answer, told = rotate()
    assert (code, answer["changed"], answer["removed"]) == (0, True, [])
    (derived,) = of_secrets([b"k" * 32])
    new, old = file.read()[0]
    assert old.key == derived.key
    assert new.key.algorithm == "HS256"
    assert [each["state"] for each in answer["keys"]] == ["next", "signs"]
    assert f"{new.key.kid} is added, and signs from" in told


def test_without_the_secret_key_the_command_says_what_is_lost(
    rotate: Command, file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_SECRET_KEY")
    code, answer, told = rotate()
    assert (code, len(answer["keys"]), answer["keys"][0]["state"]) == (0, 1, "signs")
    assert "tokens that its key signed are refused" in told


def test_the_command_again_changes_nothing_until_the_new_key_signs(
    rotate: Command, file: KeyFile
) -> None:
    rotate("--alg", "ES256")
    before = file.path.read_bytes()
    code, answer, told = rotate("--alg", "RS256")
    assert (code, answer["changed"], answer["added"]) == (0, False, None)
    assert "no key is added" in told
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_a_key_of_the_algorithm_asked_for_is_made(
    rotate: Command, file: KeyFile, algorithm: str
) -> None:
    code, answer, _ = rotate("--alg", algorithm, "--lead", "0s")
    assert (code, answer["keys"][0]["alg"], answer["keys"][0]["state"]) == (0, algorithm, "signs")
    # Without being told again, it stays.
    assert rotate("--lead", "0s")[1]["keys"][0]["alg"] == algorithm


@pytest.mark.parametrize("algorithm", ["PS256", "Ed25519", "EdDSA"])
def test_what_the_library_lacks_is_not_written(
    rotate: Command, file: KeyFile, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, told = rotate("--alg", algorithm)
    assert (code, file.path.exists()) == (2, False)
    assert "auth[joserfc]" in told
    monkeypatch.setenv("BACKOFFICE_AUTH__TOKEN_LIBRARY", "joserfc")
    assert rotate("--alg", algorithm)[0] == 0


def test_a_private_key_in_pem_is_taken(rotate: Command, file: KeyFile, tmp_path: Path) -> None:
    (tmp_path / "mine.pem").write_bytes(pem_of(KEYS["ES256"].private))
    code, answer, _ = rotate("--key", "mine.pem", "--lead", "0s")
    assert (code, answer["keys"][0]["alg"]) == (0, "ES256")
    assert file.read()[0][0].key.public == KEYS["ES256"].public


def test_a_dry_run_only_says_what_would_be_done(rotate: Command, file: KeyFile) -> None:
    code, answer, told = rotate("--dry-run")
    assert (code, answer["changed"]) == (0, False)
    assert "would be added" in told
    assert not file.path.exists()


def test_the_overlap_is_as_long_as_tokens_live(
    rotate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overlap() -> timedelta:
        first, second = rotate("--dry-run", "--lead", "0s")[1]["keys"]
        signs, retires = first["signs_from"], second["retire_after"]
        return datetime.fromisoformat(retires) - datetime.fromisoformat(signs)

    assert overlap() == timedelta(hours=1)
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCESS_LIFETIME", "PT5H")
    assert overlap() == timedelta(hours=5)


def test_an_overlap_shorter_than_tokens_live_is_warned_of(rotate: Command) -> None:
    assert "warning: the overlap is shorter" in rotate("--overlap", "1m", "--lead", "0s")[2]
    assert "warning" not in rotate("--overlap", "2h", "--lead", "0s")[2]


def test_the_command_shows_no_key(rotate: Command, file: KeyFile) -> None:
    _, answer, told = rotate("--alg", "ES256", "--lead", "0s")
    text = rotate("--lead", "0s", as_json=False)
    shown = f"{answer}{told}{text}"
    for each in json.loads(file.path.read_text())["keys"]:
        assert not any(each[name] in shown for name in ("d", "k") if name in each)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--alg", "none"], "--alg takes one of"),
        (["--alg", "HS512"], "--alg takes one of"),
        (["--overlap", "soon"], "write 90s, 5m"),
        (["--lead", "-5m"], "write 90s, 5m"),
        (["--key", "missing.pem"], "cannot be read"),
        (["--key", "main.py"], "no private key in PEM"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    rotate: Command, file: KeyFile, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "main.py").write_text(APP)
    code, _, said = rotate(*arguments)
    assert code == 2
    assert told in said
    assert "Traceback" not in said
    assert not file.path.exists()


def test_without_a_key_ring_the_command_says_what_to_set(
    rotate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_AUTH__KEY_RING")
    code, _, told = rotate()
    assert code == 2
    assert "BACKOFFICE_AUTH__KEY_RING" in told
    assert "BACKOFFICE_PREVIOUS_SECRET_KEYS" in told


def test_a_file_that_is_not_good_is_not_written_over(rotate: Command, file: KeyFile) -> None:
    file.path.write_text("{}")
    file.path.chmod(0o600)
    code, _, told = rotate()
    assert (code, file.path.read_text()) == (2, "{}")
    assert "no JWK Set" in told


def test_an_app_may_name_its_key_ring_in_code(
    rotate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_AUTH__KEY_RING")
    code = "Auth(AuthSettings(key_ring='of_the_app.json'))"
    imported = APP.replace("import Auth", "import Auth, AuthSettings")
    (tmp_path / "main.py").write_text(imported.replace("Auth()", code))
    assert rotate()[0] == 0
    assert (tmp_path / "of_the_app.json").exists()


def test_generate_is_still_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["backoffice", "secrets", "generate"])
    with pytest.raises(SystemExit):
        main()
    assert len(capsys.readouterr().out.strip()) >= 43


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


@pytest.fixture
def app(
    file: KeyFile,
    database_from_template: Callable[[str, Callable[[str], None]], str],
    time: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], AbstractContextManager[House]]:
    """Starts the app, as often as it is needed, on the same database."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")
    monkeypatch.setattr(key_watch, "EVERY", 0.01)
    time.move_to(MOMENT)
    return built


App = Callable[[], AbstractContextManager[House]]


def followed(house: House, file: KeyFile) -> None:
    """Come back when the app has the keys of the file."""
    expected = kids(file.read()[0])
    deadline = clock() + 10
    while kids(house.services.ring.entries) != expected:
        assert clock() < deadline


def kid_of(token: str) -> str:
    return str(json.loads(decoded(token.partition(".")[0]))["kid"])


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
