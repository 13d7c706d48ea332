"""The key ring in a file: only its owner reads it, and running processes follow it."""

import asyncio
import json
import logging
import os
import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backoffice.auth import jwk, key_watch
from backoffice.auth.jws import InvalidToken
from backoffice.auth.key_files import MAX_BYTES, KeyFile, NoKeyFile
from backoffice.auth.key_ring import KeyRing, RingKey
from backoffice.auth.key_watch import RingWatch, opened_ring
from backoffice.auth.settings import AuthSettings
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import Settings, SetupError
from backoffice.core.settings import load
from tests.auth.forging import KEYS, MOMENT, key_forms, token

TYPE = "at+jwt"
OLD, NEW = (SigningKey.of_secret(letter * 32, letter.decode()) for letter in (b"o", b"n"))


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def written(file: KeyFile, content: Any, mode: int = 0o600) -> KeyFile:
    """The file with this text, or this value as JSON."""
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    file.path.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.path.chmod(mode)
    return file


def whole(key: SigningKey = OLD, **more: Any) -> dict[str, Any]:
    return {**jwk.private(key), **more}


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "PS256", "Ed25519"])
def test_keys_and_times_are_read_as_they_were_written(file: KeyFile, algorithm: str) -> None:
    entry = RingKey(KEYS[algorithm], signs_from=MOMENT)
    old = RingKey(OLD, retire_after=MOMENT + timedelta(hours=1))
    file.write([entry, old])
    (found, other), stamp = file.read()
    assert jwk.private(found.key) == jwk.private(entry.key)
    assert (found.signs_from, found.retire_after) == (MOMENT, None)
    assert (other.key, other.retire_after) == (OLD, MOMENT + timedelta(hours=1))
    assert stamp == file.stamp()


def test_the_file_is_its_owners_alone(file: KeyFile) -> None:
    before = os.umask(0)
    try:
        file.write([RingKey(OLD)])
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o602, 0o620, 0o601, 0o777])
def test_a_file_that_others_may_use_is_refused(file: KeyFile, mode: int) -> None:
    written(file, {"keys": [whole()]}, mode)
    with pytest.raises(SetupError, match=f"mode {mode:04o}"):
        file.read()


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_its_owner_alone_may_use_is_good(file: KeyFile, mode: int) -> None:
    assert written(file, {"keys": [whole()]}, mode).read()


def test_a_missing_file_says_how_to_make_it(file: KeyFile) -> None:
    with pytest.raises(NoKeyFile, match="backoffice secrets rotate"):
        file.read()


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name in ("pipe", "folder", "folder/keys", "pipe/keys", "\udcff"):
        with pytest.raises(SetupError):
            KeyFile(tmp_path / name).read()


SECRET = jwk.private(OLD)["k"]
BAD: dict[str, Any] = {
    "empty": "",
    "not text": b"\xff\xfe",
    "not JSON": SECRET,
    "half": json.dumps({"keys": [whole()]})[:-20],
    "a list": [whole()],
    "a bare key": whole(),
    "a null": None,
    "no keys": {"keys": []},
    "keys no list": {"keys": whole()},
    "a key no object": {"keys": [SECRET]},
    "more than keys": {"keys": [whole()], "kyes": []},
    "keys twice": f'{{"keys": [], "keys": [{json.dumps(whole())}]}}',
    "a member twice": json.dumps({"keys": [whole()]}).replace('"kid"', '"k": "x", "kid"'),
    "nested": '{"keys":' + "[" * 100_000,
    "a number too long": '{"keys":' + "1" * 5000 + "}",
    "too large": " " * (MAX_BYTES + 1),
    "no kid": {"keys": [{n: v for n, v in whole().items() if n != "kid"}]},
    "one kid twice": {"keys": [whole(), whole()]},
    "all retire": {"keys": [whole(retire_after="2099-01-01T00:00:00Z")]},
    "a time without a zone": {"keys": [whole(signs_from="2026-03-01T12:00:00")]},
    "a time that is none": {"keys": [whole(signs_from="soon")]},
    "a time that is a number": {"keys": [whole(signs_from=1772366400)]},
    "a null time": {"keys": [whole(retire_after=None)]},
    "a member misspelt": {"keys": [whole(retireafter="2026-03-01T12:00:00Z")]},
    "mixed": {"keys": [whole(), whole(KEYS["ES256"])]},
    "public alone": {"keys": [jwk.public(KEYS["ES256"])]},
    "public beside private": {"keys": [whole(KEYS["RS256"]), jwk.public(KEYS["ES256"])]},
    "short": {"keys": [{"kty": "oct", "alg": "HS256", "kid": "s", "k": "AAAA"}]},
    "empty secret": {"keys": [{"kty": "oct", "alg": "HS256", "kid": "s", "k": ""}]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_not_right_is_refused_and_not_repeated(file: KeyFile, name: str) -> None:
    with pytest.raises(SetupError, match=r"the key ring .*keys\.json: ") as refused:
        written(file, BAD[name]).read()
    assert SECRET not in f"{refused.value!r}{refused.value.__cause__!r}"


def test_the_key_that_is_wrong_is_named_by_its_place(file: KeyFile) -> None:
    keys = [whole(), whole(NEW, alg="none")]
    with pytest.raises(SetupError, match=r"keys\[1\]: alg must be one of HS256"):
        written(file, {"keys": keys}).read()


def test_keys_that_are_not_fit_are_not_written(file: KeyFile) -> None:
    file.write([RingKey(OLD)])
    before = file.path.read_bytes()
    with pytest.raises(SetupError):
        file.write([RingKey(OLD), RingKey(KEYS["ES256"])])
    assert file.path.read_bytes() == before
    assert [*file.path.parent.iterdir()] == [file.path]


def test_a_write_that_fails_leaves_what_was_there(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write([RingKey(OLD)])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SetupError, match="No space left"):
        file.write([RingKey(NEW)])
    assert file.read()[0][0].key == OLD
    assert [*file.path.parent.iterdir()] == [file.path]


def test_the_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "keys.json"
    link.symlink_to(tmp_path / "real" / "keys.json")
    KeyFile(link).write([RingKey(OLD)])
    assert link.is_symlink()
    assert KeyFile(tmp_path / "real" / "keys.json").read()[0][0].key == OLD


def test_whoever_reads_while_it_is_written_finds_all_or_nothing(file: KeyFile) -> None:
    many = [RingKey(OLD), *(RingKey(SigningKey.generated("HS256")) for _ in range(20))]
    file.write(many)
    done = threading.Event()
    found: set[int] = set()

    def read() -> None:
        while not done.is_set():
            found.add(len(file.read()[0]))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    for number in range(100):
        file.write(many if number % 2 else many[:1])
    done.set()
    for each in readers:
        each.join()
    assert found <= {1, 21}


def test_two_who_change_it_at_once_lose_nothing(file: KeyFile) -> None:
    file.write([RingKey(OLD)])

    def add() -> None:
        for _ in range(5):
            with file.locked():
                file.write([*file.read()[0], RingKey(SigningKey.generated("HS256"))])

    writers = [threading.Thread(target=add) for _ in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert len(file.read()[0]) == 21


def watch_of(file: KeyFile) -> RingWatch:
    entries, stamp = file.read()
    return RingWatch(KeyRing(entries, "python-jose"), file, stamp)


def kids(ring: KeyRing) -> list[str | None]:
    return [each.key.kid for each in ring.entries]


async def until(condition: Callable[[], bool]) -> None:
    """Come back when it is so."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never was so")


def test_a_running_process_takes_a_changed_file_over(file: KeyFile) -> None:
    file.write([RingKey(OLD)])
    watch = watch_of(file)
    text = token(OLD)
    assert watch.ring.verified(text, TYPE, MOMENT)
    file.write([RingKey(NEW)])
    watch.look()
    assert watch.ring.verified(token(NEW), TYPE, MOMENT)
    with pytest.raises(InvalidToken):
        watch.ring.verified(text, TYPE, MOMENT)


def test_a_file_that_has_not_changed_is_not_read_again(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write([RingKey(OLD)])
    watch = watch_of(file)
    monkeypatch.setattr(KeyFile, "_content", lambda _: pytest.fail("it was read"))
    watch.look()


@pytest.mark.parametrize("name", [*BAD, "gone", "readable by all"])
def test_a_bad_file_leaves_the_last_good_keys_and_is_logged_once(
    file: KeyFile, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    file.write([RingKey(OLD)])
    watch = watch_of(file)
    if name == "gone":
        file.path.unlink()
    elif name == "readable by all":
        written(file, {"keys": [whole(NEW)]}, 0o644)
    else:
        written(file, BAD[name])
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            watch.look()
    (record,) = caplog.records
    assert "still with the last good keys" in record.getMessage()
    assert SECRET not in caplog.text
    assert kids(watch.ring) == ["o"]
    file.write([RingKey(NEW)])
    watch.look()
    assert kids(watch.ring) == ["n"]


@pytest.fixture
def settings(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, AuthSettings]:
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__KEY_RING", str(file.path))
    return load(Settings), load(AuthSettings)


Both = tuple[Settings, AuthSettings]


@pytest.mark.anyio
async def test_the_file_is_followed_while_the_app_runs_and_not_after(
    file: KeyFile, settings: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_watch, "EVERY", 0.01)
    file.write([RingKey(OLD)])
    async with opened_ring(*settings) as ring:
        file.write([RingKey(NEW)])
        await until(lambda: kids(ring) == ["n"])
    file.write([RingKey(OLD)])
    await asyncio.sleep(0.05)
    assert kids(ring) == ["n"]


@pytest.mark.anyio
async def test_looking_at_the_file_holds_up_neither_the_loop_nor_the_end_of_the_app(
    file: KeyFile, settings: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system in a network may hang."""
    monkeypatch.setattr(key_watch, "EVERY", 0.0)
    file.write([RingKey(OLD)])
    hangs, looked = threading.Event(), threading.Event()

    def hang(self: KeyFile) -> None:
        looked.set()
        hangs.wait(200)

    async with asyncio.timeout(60), opened_ring(*settings):
        monkeypatch.setattr(KeyFile, "stamp", hang)
        await until(looked.is_set)
    hangs.set()


@pytest.mark.anyio
async def test_a_fault_does_not_end_the_watch(
    file: KeyFile,
    settings: Both,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(key_watch, "EVERY", 0.01)
    file.write([RingKey(OLD)])
    async with opened_ring(*settings) as ring:
        with monkeypatch.context() as broken:
            broken.setattr(KeyFile, "stamp", lambda _: 1 / 0)
            await until(lambda: "could not be looked at" in caplog.text)
        file.write([RingKey(NEW)])
        await until(lambda: kids(ring) == ["n"])


@pytest.mark.anyio
async def test_an_app_whose_keys_are_not_good_does_not_start(file: KeyFile, settings: Both) -> None:
    with pytest.raises(NoKeyFile):
        async with opened_ring(*settings):
            pass
    written(file, {"keys": [whole()]}, 0o644)
    with pytest.raises(SetupError, match="chmod 600"):
        async with opened_ring(*settings):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["BACKOFFICE_SECRET_KEY", "BACKOFFICE_PREVIOUS_SECRET_KEYS"])
@pytest.mark.parametrize("ring", [True, False])
async def test_an_app_whose_secret_is_a_public_key_does_not_start(
    name: str, ring: bool, file: KeyFile, settings: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write([RingKey(OLD)])
    monkeypatch.setenv(name, key_forms(KEYS["ES256"])["pem"].decode())
    if not ring:
        monkeypatch.delenv("BACKOFFICE_AUTH__KEY_RING")
    with pytest.raises(SetupError, match="itself a key") as refused:
        async with opened_ring(load(Settings), load(AuthSettings)):
            pass
    assert "BEGIN" not in str(refused.value)


@pytest.mark.anyio
async def test_an_app_without_a_secret_does_not_start(
    file: KeyFile, settings: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write([RingKey(OLD)])
    monkeypatch.delenv("BACKOFFICE_SECRET_KEY")
    with pytest.raises(SetupError, match="BACKOFFICE_SECRET_KEY is not set"):
        async with opened_ring(load(Settings), load(AuthSettings)):
            pass


@pytest.mark.parametrize("pasted", ['{"keys": []}', "-----BEGIN PRIVATE KEY-----"])
def test_a_key_in_the_place_of_the_path_is_refused(
    pasted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__KEY_RING", pasted)
    with pytest.raises(SetupError, match="should be the path"):
        load(AuthSettings)
