"""Settings: read once, checked at the start, silent about values."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import Field, SecretStr

from backoffice.admin.settings import AdminSettings
from backoffice.auth import Auth, AuthSettings
from backoffice.core import Settings, SetupError
from backoffice.core.settings import PackageSettings, Span, configuration, load
from backoffice.migrations import MigrationSettings
from backoffice.ratelimit import RateLimitSettings

SECRET = "s" * 32


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://host/db")
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", SECRET)
    found = load(Settings)
    assert found.database_url.get_secret_value() == "postgresql://host/db"
    assert found.secret() == SECRET.encode()


def test_letter_case_of_a_variable_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("backoffice_auth__registration", "false")
    assert load(AuthSettings).registration is False


def test_a_short_secret_is_refused_by_name_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "changeme")
    with pytest.raises(SetupError, match=r"BACKOFFICE_SECRET_KEY.*shorter than 32") as refused:
        load(Settings)
    assert "changeme" not in str(refused.value)


def test_there_is_no_default_secret() -> None:
    with pytest.raises(SetupError, match="secrets generate"):
        load(Settings).secret()


@pytest.mark.parametrize("blank", ["", " ", "\n", " \t\r\n"])
def test_what_is_blank_is_not_set(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "DATABASE_TIMEOUT"):
        monkeypatch.setenv(f"BACKOFFICE_{name}", blank)
    monkeypatch.setenv("BACKOFFICE_ADMIN__TITLE", blank)
    assert load(Settings) == Settings()
    assert load(Settings).secret_key is None
    assert load(Settings).database_timeout == 5
    assert load(AdminSettings).title == "Backoffice"


def test_white_space_around_a_value_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", f"{SECRET}\n")
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", " sqlite:///x.db\r\n")
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCESS_LIFETIME", " PT5M\n")
    monkeypatch.setenv("BACKOFFICE_AUTH__REGISTRATION", "false\n")
    monkeypatch.setenv("BACKOFFICE_ADMIN__TITLE", "  My shop ")
    assert load(Settings).secret() == SECRET.encode()
    assert load(Settings).database_url.get_secret_value() == "sqlite:///x.db"
    assert load(AuthSettings).access_lifetime == timedelta(minutes=5)
    assert load(AuthSettings).registration is False
    assert load(AdminSettings).title == "My shop"


def test_a_blank_value_in_code_is_not_taken_for_unset() -> None:
    with pytest.raises(ValueError, match="title"):
        AdminSettings(title="")


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ("PT15M", timedelta(minutes=15)),
        ("P30D", timedelta(days=30)),
        ("900", timedelta(minutes=15)),
        ("0.5", timedelta(seconds=0.5)),
    ],
)
def test_a_span_is_iso_8601_or_seconds(
    written: str, span: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCESS_LIFETIME", written)
    assert load(AuthSettings).access_lifetime == span


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BACKOFFICE_DATABASE_TIMEOUT", "soon", "valid number"),
        ("BACKOFFICE_DATABASE_TIMEOUT", "0", "greater than 0"),
        ("BACKOFFICE_DATABASE_TIMEOUT", "nan", "seconds"),
        ("BACKOFFICE_DATABASE_TIMEOUT", "inf", "300"),
        ("BACKOFFICE_DATABASE_POOL_SIZE", "2.5", "valid integer"),
        ("BACKOFFICE_DATABASE_URL", "nonsense", "sqlite:///file.db or postgresql://"),
        ("BACKOFFICE_DATABASE_URL", "postgresql://host:port/db", "is not a database URL"),
        ("BACKOFFICE_DATABASE_URL", "mysql://host/db", "runs on sqlite:///"),
        ("BACKOFFICE_REDIS_URL", "localhost:6379", "redis://user:password@host:6379/0"),
        ("BACKOFFICE_REDIS_URL", "http://localhost", "not the address of a Redis"),
        ("BACKOFFICE_REDIS_URL", "redis://localhost:x", "not the address of a Redis"),
        ("BACKOFFICE_REDIS_URL", "redis://[::1", "not the address of a Redis"),
        ("BACKOFFICE_REDIS_URL", "redis://localhost/shop", "not the address of a Redis"),
        ("BACKOFFICE_REDIS_URL", "redis://one,two", "redis\\+cluster://host:6379,host:6379"),
        ("BACKOFFICE_REDIS_URL", "redis+cluster://one,", "redis\\+cluster://host:6379,host:6379"),
        ("BACKOFFICE_REDIS_URL", "redis+cluster://one/1", "not the address of a Redis"),
        ("BACKOFFICE_REDIS_URL", "redis+sentinel://one,two", "host:26379/name-of-the-primary/0"),
        ("BACKOFFICE_REDIS_URL", "redis+sentinel://one/shop/x", "not the address of a Redis"),
        ("BACKOFFICE_REDIS_URL", "redis+://one", "not the address of a Redis"),
        ("BACKOFFICE_REDIS_URL", "unix+cluster:///one", "not the address of a Redis"),
        ("BACKOFFICE_ADMIN__TITLE", "x" * 61, "at most 60 characters"),
        ("BACKOFFICE_ADMIN__PAGE_SIZE", "0", "greater than or equal to 1"),
        ("BACKOFFICE_ADMIN__FORM_LIMIT", "1", r"10000 \(bytes\)"),
        ("BACKOFFICE_AUTH__REGISTRATION", "maybe", "valid boolean"),
        ("BACKOFFICE_AUTH__ACCESS_LIFETIME", "15m", "write it as PT15M, or as 900"),
        ("BACKOFFICE_AUTH__ACCESS_LIFETIME", "15:00", "write it as PT15M"),
        ("BACKOFFICE_AUTH__ACCESS_LIFETIME", "pt15m", "write it as PT15M"),
        ("BACKOFFICE_AUTH__ACCESS_LIFETIME", "PT0S", "ISO 8601"),
        ("BACKOFFICE_AUTH__ACCESS_LIFETIME", "P99999D", "ISO 8601"),
        ("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "20 per minute", "20/minute"),
        ("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "0/minute", "20/minute"),
        ("BACKOFFICE_AUTH__REGISTER_LIMIT", "20/fortnight", "20/minute"),
        ("BACKOFFICE_AUTH__PASSWORD_MIN_LENGTH", "4", r"8 \(characters\)"),
        ("BACKOFFICE_AUTH__TOKEN_LIBRARY", "pyjwt", "'python-jose' or 'joserfc'"),
        ("BACKOFFICE_AUTH__REALM", 'a"b', "ASCII"),
        ("BACKOFFICE_RATELIMIT__TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.0/8, 2001:db8::/32"),
        ("BACKOFFICE_RATELIMIT__NAMESPACE", "a b", "A-Z a-z 0-9"),
        ("BACKOFFICE_MIGRATIONS__WAIT", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_refused_with_the_variable_and_what_is_expected(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    kinds: list[type[PackageSettings]] = [
        Settings,
        AuthSettings,
        AdminSettings,
        RateLimitSettings,
        MigrationSettings,
    ]
    prefix = name[: name.rfind("__") + 2] if "__" in name else "BACKOFFICE_"
    kind = next(each for each in kinds if each.model_config["env_prefix"] == prefix)
    with pytest.raises(SetupError, match=f"^{name}: .*{expected}"):
        load(kind)


def test_every_wrong_variable_of_every_package_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = {
        "BACKOFFICE_DATABASE_TIMEOUT": "soon",
        "BACKOFFICE_SECRET_KEY": "short",
        "BACKOFFICE_AUTH__SIGN_IN_LIMIT": "often",
        "BACKOFFICE_AUTH__ACCESS_LIFETIME": "long",
        "BACKOFFICE_RATELIMIT__HEADERS": "many",
        "BACKOFFICE_MIGRATIONS__WAIT": "forever",
        "BACKOFFICE_ADMIN__PAGE_SIZE": "large",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    app = FastAPI()
    app.include_router(Auth().router)
    with pytest.raises(SetupError) as refused, TestClient(app):
        pass
    told = refused.value.message.split("; ")
    assert all(sum(each.startswith(f"{name}: ") for each in told) == 1 for name in wrong)


@pytest.mark.parametrize(
    "name", ["BACKOFFICE_AUTH__SIGN_IN_LIMIT", "BACKOFFICE_RATELIMIT__NAMESPACE"]
)
def test_an_app_does_not_start_with_a_wrong_setting_of_a_package_that_it_uses(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", SECRET)
    monkeypatch.setenv(name, "not this")
    app = FastAPI()
    app.include_router(Auth().router)
    with pytest.raises(SetupError, match=name), TestClient(app):
        pass


def test_auth_takes_its_settings_from_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So that a test may override them, as those of every package."""
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", SECRET)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"sqlite:///{tmp_path}/x.db")
    auth, app = Auth(), FastAPI()
    app.include_router(auth.router)
    app.dependency_overrides[auth.settings] = lambda: AuthSettings(registration=False)
    with TestClient(app) as client:
        answer = client.post("/register", json={"email": "a@example.org", "password": "x" * 12})
    assert answer.status_code == 403


def test_values_that_are_not_text_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python lets such bytes into os.environ; what uses the value would fail each time."""
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", SECRET + "\udcff")
    monkeypatch.setenv("BACKOFFICE_ADMIN__TITLE", "\udcff")
    with pytest.raises(SetupError, match="BACKOFFICE_SECRET_KEY: is not text in UTF-8"):
        load(Settings)
    with pytest.raises(SetupError, match="BACKOFFICE_ADMIN__TITLE: is not text in UTF-8"):
        load(AdminSettings)
    with pytest.raises(ValueError, match="UTF-8"):
        Settings(secret_key=SecretStr(SECRET + "\udcff"))


def test_settings_cannot_be_changed_once_they_are_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(Settings).database_timeout = 1


class ShopSettings(PackageSettings):
    model_config = configuration("SHOP_")

    reserved: Span | None = None
    books: int = Field(ge=1)


def test_an_app_has_its_own_settings_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="SHOP_BOOKS: Field required"):
        load(ShopSettings)
    monkeypatch.setenv("SHOP_BOOKS", "3\n")
    monkeypatch.setenv("SHOP_RESERVED", "60")
    assert load(ShopSettings) == ShopSettings(books=3, reserved=timedelta(minutes=1))
