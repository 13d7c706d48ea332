"""Settings: read once, checked at the start, silent about secrets."""

import pytest

from backoffice.core import Settings, SetupError
from backoffice.core.settings import load

SECRET = "s" * 32


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://host/db")
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", SECRET)
    found = load(Settings)
    assert found.database_url.get_secret_value() == "postgresql://host/db"
    assert found.secret() == SECRET.encode()


def test_a_short_secret_is_refused_by_name_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "changeme")
    with pytest.raises(SetupError, match=r"BACKOFFICE_SECRET_KEY.*shorter than 32") as refused:
        load(Settings)
    assert "changeme" not in str(refused.value)


def test_there_is_no_default_secret() -> None:
    with pytest.raises(SetupError, match="secrets generate"):
        load(Settings).secret()


def test_a_wrong_number_is_refused_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", "soon")
    with pytest.raises(SetupError, match="BACKOFFICE_DATABASE_TIMEOUT"):
        load(Settings)


def test_no_secret_shows_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://user:hunter2@host/db")
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", "redis://:hunter2@host/0")
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", SECRET)
    shown = repr(load(Settings))
    assert "hunter2" not in shown
    assert SECRET not in shown
