"""`backoffice secrets rotate`."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import of_secrets
from backoffice.core.command import main
from tests.auth.forging import KEYS, pem_of
from tests.auth.key_rotation.conftest import APP, Command


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
    assert (code, answer["changed"], answer["dry_run"]) == (0, True, True)
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
    assert f"`export BACKOFFICE_AUTH__KEY_RING={Path.cwd() / 'keys.json'}`" in told
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
