"""Where settings come from, besides the environment: files of secrets."""

from pathlib import Path

import pytest

from backoffice.auth import AuthSettings
from backoffice.core import Settings, SetupError
from backoffice.core.settings import load

SECRET = "s" * 32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKOFFICE_SECRETS_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["backoffice_secret_key", "BACKOFFICE_SECRET_KEY"])
def test_a_secret_may_be_a_file_and_end_with_a_line(folder: Path, name: str) -> None:
    (folder / name).write_text(f"{SECRET}\n")
    assert load(Settings).secret() == SECRET.encode()


def test_settings_made_in_code_read_the_files_too(folder: Path) -> None:
    (folder / "backoffice_secret_key").write_text(SECRET)
    assert Settings(database_timeout=1).secret() == SECRET.encode()


def test_files_as_kubernetes_mounts_them_are_read(folder: Path) -> None:
    """The names are links into a folder that is itself replaced by a link."""
    version = folder / "..2026_01_01"
    version.mkdir()
    (version / "BACKOFFICE_AUTH__REALM").write_text("shop")
    (folder / "..data").symlink_to(version.name)
    (folder / "BACKOFFICE_AUTH__REALM").symlink_to("..data/BACKOFFICE_AUTH__REALM")
    assert load(AuthSettings).realm == "shop"


def test_a_variable_counts_before_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "backoffice_auth__realm").write_text("file")
    monkeypatch.setenv("BACKOFFICE_AUTH__REALM", "variable")
    assert load(AuthSettings).realm == "variable"
    monkeypatch.setenv("BACKOFFICE_AUTH__REALM", "\n")
    assert load(AuthSettings).realm == "file"


def test_an_empty_file_is_not_set(folder: Path) -> None:
    (folder / "backoffice_secret_key").write_text("\n")
    assert load(Settings).secret_key is None


def test_files_of_others_are_left_alone(folder: Path) -> None:
    (folder / "certificate").write_bytes(b"\xff")
    (folder / "backoffice_folder").mkdir()
    assert load(Settings) == Settings()


def test_a_wrong_value_in_a_file_is_named_like_a_variable(folder: Path) -> None:
    (folder / "backoffice_secret_key").write_text("changeme")
    with pytest.raises(SetupError, match="BACKOFFICE_SECRET_KEY: is shorter") as refused:
        load(Settings)
    assert "changeme" not in str(refused.value)


def test_a_file_that_cannot_be_read_keeps_the_app_from_starting(folder: Path) -> None:
    """Else it would start with the default, which is another database."""
    (folder / "backoffice_database_url").symlink_to("nowhere")
    with pytest.raises(SetupError, match=r"BACKOFFICE_DATABASE_URL: the file .* cannot be read"):
        load(Settings)


def test_a_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "backoffice_database_url").write_bytes(b"sqlite:///\xff")
    with pytest.raises(SetupError, match=r"BACKOFFICE_DATABASE_URL: .* not text in UTF-8"):
        load(Settings)


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_folder_that_cannot_be_read_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BACKOFFICE_SECRETS_DIR", str(tmp_path / kind))
    with pytest.raises(SetupError, match=r"^BACKOFFICE_SECRETS_DIR: cannot be read as a folder"):
        load(Settings)


def test_a_broken_file_does_not_hide_what_else_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "backoffice_redis_url").mkdir()
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", "soon")
    with pytest.raises(SetupError) as refused:
        load(Settings)
    told = refused.value.message
    assert "BACKOFFICE_REDIS_URL: " in told
    assert "BACKOFFICE_DATABASE_TIMEOUT: " in told
