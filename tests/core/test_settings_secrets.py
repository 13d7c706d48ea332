"""A canary in every setting: it is seen nowhere but where it may be."""

import traceback
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, Field, PostgresDsn, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backoffice.core import Settings, SetupError
from backoffice.core.settings import load
from backoffice.core.settings.fields import is_secret, names
from backoffice.core.settings.loading import attempt, registered
from backoffice.core.settings.variables import Standing

CANARY = "canary7f3acanary7f3acanary7f3acanary7f3a"
SETTINGS = [(kind, field) for _, kind in registered()[0] for field in kind.model_fields]
#: Each is wrong for many settings, and wrong in a way of its own.
WRONG = [
    CANARY,
    f"{CANARY}/minute",
    f"20/{CANARY}",
    f"PT{CANARY}",
    f"12{CANARY}",
    f"{CANARY}://host/db",
    f"mysql://user:{CANARY}@host/db",
    f"postgresql://user:{CANARY}@host:port/db",
    f"postgresql://user:{CANARY}@[host/db",
    f"redis://:{CANARY}@host:port/0",
    f"redis://:{CANARY}#@host/0",
    f"10.0.0.0/8, {CANARY}",
    f'"{CANARY}"',
    f'["{CANARY}"]',
    f'{{"{CANARY}": "{CANARY}"}}',
    f"{CANARY}\udcff",
    CANARY * 100,
]


def told(error: BaseException) -> str:
    """All that a log or a crash report may hold of an exception, with what led to it."""
    return "".join([*traceback.format_exception(error), repr(error), repr(error.__context__)])


@pytest.mark.parametrize(
    ("kind", "field"), SETTINGS, ids=[f"{kind.__name__}.{field}" for kind, field in SETTINGS]
)
def test_no_value_is_repeated_when_it_is_refused(
    kind: type[BaseSettings], field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in WRONG:
        monkeypatch.setenv(names(kind, field)[0], value)
        _, wrong = attempt(kind)
        assert CANARY not in repr(Standing.of("", kind)) or not (wrong or is_secret(kind, field))
        if wrong:
            with pytest.raises(SetupError, match=f"^{names(kind, field)[0]}: ") as refused:
                load(kind)
            assert CANARY not in told(refused.value)


@pytest.mark.parametrize(
    ("kind", "field"), SETTINGS, ids=[f"{kind.__name__}.{field}" for kind, field in SETTINGS]
)
def test_settings_made_in_code_do_not_repeat_what_they_refuse(
    kind: type[BaseSettings], field: str
) -> None:
    wrong: list[Any] = [CANARY * 100, [CANARY], {CANARY: CANARY}, object()]
    good = {"secret_key": 1, "previous_secret_keys": 2}  # a long secret is a good one
    for value in wrong[good.get(field, 0) :]:
        with pytest.raises(ValueError, match=field) as refused:
            kind(**{field: value})
        assert CANARY not in told(refused.value)


@pytest.fixture
def secret_settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    url = f"postgresql://user:{CANARY}@host/db?password={CANARY}&sslpassword={CANARY}"
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", f"redis://:{CANARY}@host/0?password={CANARY}")
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", CANARY)
    return load(Settings)


def test_no_secret_is_in_what_settings_say_of_themselves(secret_settings: Settings) -> None:
    assert CANARY.encode() == secret_settings.secret()
    for said in (
        repr(secret_settings),
        str(secret_settings),
        f"{secret_settings}",
        repr(secret_settings.model_dump()),
        repr(secret_settings.model_dump(mode="json")),
        secret_settings.model_dump_json(),
        repr(dict(secret_settings)),
        repr(vars(secret_settings)),
    ):
        assert CANARY not in said


def test_no_secret_is_in_what_is_shown_of_settings(secret_settings: Settings) -> None:
    for used in (None, secret_settings):
        shown = repr(Standing.of("core", Settings, used).variables())
        assert CANARY not in shown
        assert "postgresql://user:***@host/db?password=***&sslpassword=***" in shown
        assert "redis://:***@host/0?password=***" in shown


class Colour(Enum):
    RED = "red"


class Card(BaseModel):
    kind: Literal["card"]
    number: int


class Cash(BaseModel):
    kind: Literal["cash"]


class Api(BaseModel):
    url: str = "http://localhost"
    token: str = ""
    pin: SecretStr = SecretStr("0000")


class Foreign(BaseSettings):
    """As an app wrote it before it knew of Backoffice: nothing is hidden by its own doing."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", env_nested_delimiter="__")

    a_uuid: UUID | None = None
    a_colour: Colour = Colour.RED
    a_literal: Literal["one", "two"] = "one"
    a_url: AnyUrl | None = None
    a_dsn: PostgresDsn | None = None
    a_list: list[int] = []
    a_mapping: dict[str, int] = {}
    a_payment: Annotated[Card | Cash | None, Field(discriminator="kind")] = None
    a_judgement: str = "good"
    an_assertion: str = "good"
    a_secret: SecretStr | None = None
    stripe_key: str = ""
    odbc: str = ""
    api: Api = Api()

    @field_validator("a_judgement")
    @classmethod
    def _judged(cls, value: str) -> str:
        if value != "good":
            raise ValueError(f"{value} is not good")
        return value

    @field_validator("an_assertion")
    @classmethod
    def _asserted(cls, value: str) -> str:
        assert value == "good", f"{value!r} is not good"
        return value


FURTHER = [
    f'{{"kind": "{CANARY}"}}',
    f'{{"kind": "card", "number": "{CANARY}"}}',
    f'[1, "{CANARY}"]',
    f'{{"{CANARY}": 1}}',
    f'{{"a": "{CANARY}"}}',
    f"http://{CANARY}:99999999/",
    f"http://user:{CANARY}@host:99999999/",
]


@pytest.mark.parametrize("field", Foreign.model_fields)
def test_settings_of_an_app_are_refused_as_silently(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = 0
    for value in WRONG + FURTHER:
        monkeypatch.setenv(f"SHOP_{field.upper()}", value)
        standing = Standing.of("", Foreign)
        if standing.read is None:
            refusals += 1
            assert CANARY not in repr((standing, standing.variables()))
            with pytest.raises(SetupError, match=f"^SHOP_{field.upper()}: ") as refused:
                load(Foreign)
            assert CANARY not in told(refused.value)
    assert refusals or field in ("a_secret", "stripe_key", "odbc")


def test_a_validators_message_is_kept_where_it_does_not_repeat_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_A_JUDGEMENT", "bad")
    monkeypatch.setenv("SHOP_A_LITERAL", "three")
    monkeypatch.setenv("SHOP_API__PIN", "1")
    _, faults = attempt(Foreign)
    assert list(map(str, faults)) == [
        "SHOP_A_LITERAL: Input should be 'one' or 'two'",
        "SHOP_A_JUDGEMENT: bad is not good",  # too short to be told from a word of the message
    ]


@pytest.fixture
def secrets_of_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_STRIPE_KEY", CANARY)
    monkeypatch.setenv("SHOP_A_SECRET", CANARY)
    monkeypatch.setenv("SHOP_ODBC", f"Server=host;Password={CANARY};Encrypt=yes")
    monkeypatch.setenv("SHOP_A_DSN", f"postgresql://u:{CANARY}@one,v:{CANARY}@two/db")
    monkeypatch.setenv("SHOP_A_URL", f"https://{CANARY}@sentry.example/1?token={CANARY}")
    monkeypatch.setenv("SHOP_API__URL", f"https://u:{CANARY}@host/")
    monkeypatch.setenv("SHOP_API__TOKEN", CANARY)
    monkeypatch.setenv("SHOP_API__PIN", CANARY)


@pytest.mark.usefixtures("secrets_of_an_app")
def test_secrets_of_an_app_are_masked_by_type_by_name_and_within_urls() -> None:
    standing = Standing.of("app", Foreign)
    assert standing.read is not None
    rows = {each.name: each for each in standing.variables()}
    assert CANARY not in repr(rows)
    assert rows["SHOP_STRIPE_KEY"].value == "set"
    assert rows["SHOP_A_URL"].value == "https://***@sentry.example/1?token=***"
    assert rows["SHOP_API"].value["url"] == "https://u:***@host/"


@pytest.mark.usefixtures("secrets_of_an_app")
@pytest.mark.parametrize("wrong", ["SHOP_A_UUID", "SHOP_A_LIST"])
def test_secrets_are_masked_as_well_where_another_setting_is_wrong(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wrong, "wrong")
    standing = Standing.of("app", Foreign)
    assert standing.read is None
    rows = {each.name: each for each in standing.variables()}
    assert CANARY not in repr(rows)
    assert rows["SHOP_STRIPE_KEY"].value == "set"
    assert rows["SHOP_A_LITERAL"].value == "one"
