"""`backoffice settings show`, and what doctor says of settings."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backoffice.core.command import main
from backoffice.core.settings.loading import registered
from backoffice.core.settings.unknown import unknown

CANARY = "canary7f3acanary7f3acanary7f3acanary7f3a"
Answer = tuple[int, str, str]
Backoffice = Callable[..., Answer]

SHOP = '''
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic_settings import BaseSettings, SettingsConfigDict

from backoffice.auth import Auth, AuthSettings
from backoffice.core import Settings, settings, singleton
from backoffice.core.settings import load


class Shop(BaseSettings):
    """As pydantic-settings has it: this class knows nothing of Backoffice."""

    model_config = SettingsConfigDict(
        env_prefix="SHOP_", env_file=".env", use_attribute_docstrings=True
    )

    colour: str = "red"
    """Of the door."""
    shelves: int = 3
    stripe_key: str = ""


class Stricter(AuthSettings):
    words: int = 4


@singleton
def shop() -> Shop:
    return load(Shop)


print("a module that prints")
auth = Auth(settings=Stricter(registration=False))
app = FastAPI()
app.include_router(auth.router, prefix="/auth")
app.dependency_overrides[settings] = lambda: Settings(database_timeout=1, database_pool_size=10)


@app.get("/")
async def door(shop: Annotated[Shop, Depends(shop)]) -> str:
    return shop.colour
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project, which is the present folder; modules of it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def backoffice(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Backoffice:
    """The exit code, stdout and stderr of a command in the project."""

    def command(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["backoffice", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return command


def rows(out: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(out)["settings"]}


def line(out: str, name: str) -> list[str]:
    """A line of the table, by its columns."""
    found = next(each for each in out.splitlines() if each.startswith(f"{name} "))
    return [each.strip() for each in found.split("  ") if each.strip()]


def test_every_setting_of_every_package_is_shown_without_an_app(backoffice: Backoffice) -> None:
    code, out, err = backoffice("settings", "show")
    assert code == 0
    names = {each.split()[0] for each in out.splitlines()[1:]}
    assert names == {
        f"{kind.model_config['env_prefix']}{field}".upper()
        for _, kind in registered()[0]
        for field in kind.model_fields
    }
    assert err == "no app was found: settings that are given in code are not shown\n"


def test_each_has_value_unit_default_source_and_description(
    backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCESS_LIFETIME", "300")
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__TRUSTED_PROXIES", "10.0.0.0/8,::1")
    code, out, _ = backoffice("settings", "show")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "NAME", "VALUE", "UNIT", "DEFAULT", "SOURCE", "DESCRIPTION",
    ]  # fmt: skip
    assert line(out, "BACKOFFICE_AUTH__ACCESS_LIFETIME")[1:] == [
        "PT5M",
        "ISO 8601 span, or seconds",
        "PT15M",
        "environment",
        "How long an access token is good.",
    ]
    assert line(out, "BACKOFFICE_RATELIMIT__TRUSTED_PROXIES")[1] == "10.0.0.0/8, ::1/128"
    assert line(out, "BACKOFFICE_RATELIMIT__REDIS_TIMEOUT")[1:5] == [
        "0.05",
        "seconds",
        "0.05",
        "default",
    ]
    assert line(out, "BACKOFFICE_AUTH__REGISTRATION")[1:3] == ["true", "-"]


def test_json_has_the_same_with_the_types_of_json(
    backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_ADMIN__PAGE_SIZE", "1")
    code, out, _ = backoffice("settings", "show", "--json")
    assert (code, json.loads(out)["faults"], json.loads(out)["unknown"]) == (0, [], [])
    assert rows(out)["BACKOFFICE_ADMIN__PAGE_SIZE"] == {
        "name": "BACKOFFICE_ADMIN__PAGE_SIZE",
        "group": "admin",
        "value": 1,
        "unit": "records",
        "default": 25,
        "source": "environment",
        "secret": False,
        "description": "Records on one page of a list.",
        "fault": None,
    }
    assert rows(out)["BACKOFFICE_REDIS_URL"]["value"] is None
    assert rows(out)["BACKOFFICE_RATELIMIT__TRUSTED_PROXIES"]["value"] == []


@pytest.mark.parametrize(
    ("only", "count"),
    [("migrations", 5), ("Migrations", 5), ("redis_timeout", 1), ("ratelimit__redis", 1)],
)
def test_a_group_or_a_part_of_a_name_may_be_asked_for(
    backoffice: Backoffice, only: str, count: int
) -> None:
    code, out, _ = backoffice("settings", "show", only)
    assert (code, len(out.splitlines())) == (0, 1 + count)


def test_what_is_not_there_ends_with_4(backoffice: Backoffice) -> None:
    code, out, err = backoffice("settings", "show", "nonesuch")
    assert (code, out) == (4, "")
    assert "no setting 'nonesuch'; the groups are core, admin, auth" in err


def test_secrets_say_only_whether_they_are_set(
    backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert line(backoffice("settings", "show", "core")[1], "BACKOFFICE_SECRET_KEY")[1] == "not set"
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", CANARY)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"postgresql://u:{CANARY}@h/d?password={CANARY}")
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", f"rediss://:{CANARY}@h/0")
    for arguments in ([], ["--json"]):
        code, out, err = backoffice("settings", "show", *arguments)
        assert code == 0
        assert CANARY not in out + err
    _, out, _ = backoffice("settings", "show")
    assert line(out, "BACKOFFICE_SECRET_KEY")[1] == "set"
    assert line(out, "BACKOFFICE_DATABASE_URL")[1] == "postgresql://u:***@h/d?password=***"
    assert line(out, "BACKOFFICE_REDIS_URL")[1] == "rediss://:***@h/0"


def test_wrong_settings_are_named_beside_all_others(
    backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", CANARY)
    monkeypatch.setenv("BACKOFFICE_DATABASE_POOL_SIZE", " 7 ")
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", CANARY)
    code, out, err = backoffice("settings", "show")
    assert code == 2
    assert CANARY not in out + err
    assert line(out, "BACKOFFICE_DATABASE_TIMEOUT")[1] == "(wrong)"
    assert line(out, "BACKOFFICE_DATABASE_POOL_SIZE")[1] == "7"
    assert line(out, "BACKOFFICE_DATABASE_POOL_SIZE")[4] == "environment"
    told = next(each for each in err.splitlines() if each.startswith("error: "))
    assert "BACKOFFICE_DATABASE_TIMEOUT: " in told
    assert "BACKOFFICE_AUTH__SIGN_IN_LIMIT: is not a limit" in told
    assert 'write it as "20/minute"' in told


def test_json_has_what_is_wrong_on_stdout_and_the_error_on_stderr(
    backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", CANARY)
    code, out, err = backoffice("settings", "show", "--json")
    assert code == 2
    assert CANARY not in out + err
    assert [each["name"] for each in json.loads(out)["faults"]] == ["BACKOFFICE_DATABASE_TIMEOUT"]
    assert "valid number" in rows(out)["BACKOFFICE_DATABASE_TIMEOUT"]["fault"]
    assert json.loads(err.splitlines()[-1])["error"]["code"] == "setup"


def test_what_is_wrong_elsewhere_does_not_fail_a_group(
    backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", "soon")
    assert backoffice("settings", "show", "auth")[0] == 0
    assert backoffice("settings", "show", "core")[0] == 2


@pytest.fixture
def shop(project: Path) -> Path:
    (project / "main.py").write_text(SHOP)
    return project


@pytest.mark.usefixtures("shop")
class TestAnApp:
    def test_shows_what_was_given_in_code(
        self, backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_AUTH__REALM", "shop")
        code, out, err = backoffice("settings", "show", "--json")
        assert code == 0
        assert err == "a module that prints\n"
        found = rows(out)
        shown = {
            name: (found[name]["value"], found[name]["source"])
            for name in (
                "BACKOFFICE_AUTH__REGISTRATION",
                "BACKOFFICE_AUTH__REALM",
                "BACKOFFICE_AUTH__ISSUER",
                "BACKOFFICE_DATABASE_TIMEOUT",
                "BACKOFFICE_DATABASE_POOL_SIZE",
            )
        }
        assert shown == {
            "BACKOFFICE_AUTH__REGISTRATION": (False, "code"),
            "BACKOFFICE_AUTH__REALM": ("shop", "environment"),
            "BACKOFFICE_AUTH__ISSUER": ("backoffice", "default"),
            "BACKOFFICE_DATABASE_TIMEOUT": (1.0, "code"),
            "BACKOFFICE_DATABASE_POOL_SIZE": (10, "default"),
        }

    def test_has_its_own_settings_there(
        self, backoffice: Backoffice, shop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (shop / ".env").write_text(f"SHOP_SHELVES=5\nSHOP_STRIPE_KEY={CANARY}\n")
        monkeypatch.setenv("SHOP_COLOUR", "blue")
        code, out, err = backoffice("settings", "show", "app")
        assert code == 0
        assert CANARY not in out + err
        assert line(out, "SHOP_COLOUR")[1:] == ["blue", "-", "red", "environment", "Of the door."]
        assert line(out, "SHOP_SHELVES")[1:] == ["5", "-", "3", ".env file"]
        assert line(out, "SHOP_STRIPE_KEY")[1:] == ["set", "-", "set", ".env file"]

    def test_may_have_a_class_made_from_a_packages(self, backoffice: Backoffice) -> None:
        _, out, _ = backoffice("settings", "show", "auth")
        assert line(out, "BACKOFFICE_AUTH__WORDS")[1] == "4"
        assert out.count("BACKOFFICE_AUTH__REALM ") == 1

    def test_is_wrong_where_its_own_settings_are(
        self, backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_SHELVES", CANARY)
        monkeypatch.setenv("SHOP_COLOUR", "blue")
        code, out, err = backoffice("settings", "show", "app")
        assert code == 2
        assert "error: SHOP_SHELVES: Input should be a valid integer" in err
        assert CANARY not in out + err
        assert line(out, "SHOP_COLOUR")[1] == "blue"

    def test_that_cannot_be_imported_hides_nothing_else(
        self, backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As an app whose module reads its settings, which are wrong."""
        monkeypatch.setenv("BACKOFFICE_AUTH__REALM", '"')
        code, out, err = backoffice("settings", "show")
        assert code == 2
        assert "the app cannot be had" in err
        assert "BACKOFFICE_AUTH__REALM: String should match pattern" in err
        assert line(out, "BACKOFFICE_AUTH__REALM")[1] == "(wrong)"
        assert line(out, "BACKOFFICE_AUTH__ISSUER")[1] == "backoffice"


def test_an_app_that_is_named_and_is_not_there_ends_with_2(backoffice: Backoffice) -> None:
    code, out, err = backoffice("settings", "show", "--app", "nowhere:app")
    assert code == 2
    assert "BACKOFFICE_DATABASE_URL" in out
    assert "no module 'nowhere'" in err


def test_an_apps_module_that_refuses_a_value_does_not_repeat_it(
    backoffice: Backoffice, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "main.py").write_text(f"{SHOP}\nShop()\n")
    monkeypatch.setenv("SHOP_SHELVES", CANARY)
    for verb in (["settings", "show"], ["doctor"], ["singletons", "list"]):
        code, out, err = backoffice(*verb)
        assert code == 2
        assert "Shop.shelves: Input should be a valid integer" in err
        assert CANARY not in out + err


@pytest.mark.usefixtures("shop")
def test_a_class_may_be_named_in_pyproject(backoffice: Backoffice, project: Path) -> None:
    (project / "extra.py").write_text(
        "from pydantic_settings import BaseSettings\n"
        "class Extra(BaseSettings):\n    extra_colour: str = 'red'\n"
    )
    (project / "pyproject.toml").write_text('[tool.backoffice]\nsettings = ["extra:Extra"]\n')
    code, out, _ = backoffice("settings", "show")
    assert (code, line(out, "EXTRA_COLOUR")[1]) == (0, "red")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ('["nowhere:Extra"]', "nowhere:Extra: cannot be imported: ModuleNotFoundError"),
        ('["broken:Extra"]', "broken:Extra: Strict.extra: Input should be a valid integer"),
        ('["json:dumps"]', "json:dumps: is no settings class"),
        ('"extra:Extra"', "is a list"),
        ("[1]", "is a list"),
    ],
)
def test_a_class_that_cannot_be_had_is_named(
    backoffice: Backoffice,
    project: Path,
    named: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXTRA", CANARY)
    (project / "broken.py").write_text(
        "from pydantic_settings import BaseSettings\n"
        "class Strict(BaseSettings):\n    extra: int\nStrict()\n"
    )
    (project / "pyproject.toml").write_text(f"[tool.backoffice]\nsettings = {named}\n")
    code, _, err = backoffice("settings", "show")
    assert code == 2
    assert message in err
    assert CANARY not in err


class TestMisspelt:
    def test_variables_are_named_with_the_nearest_right_one(
        self, backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_AUTH__ACESS_LIFETIME", CANARY)
        code, out, err = backoffice("settings", "show")
        assert code == 0
        assert (
            "warning: BACKOFFICE_AUTH__ACESS_LIFETIME is set, but nothing that is installed reads "
            "it; did you mean BACKOFFICE_AUTH__ACCESS_LIFETIME?"
        ) in err
        assert CANARY not in out + err
        _, out, err = backoffice("settings", "show", "--json")
        assert CANARY not in out + err
        assert json.loads(out)["unknown"] == [
            {
                "name": "BACKOFFICE_AUTH__ACESS_LIFETIME",
                "nearest": "BACKOFFICE_AUTH__ACCESS_LIFETIME",
            }
        ]

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("BACKOFFICE_SECRETKEY", "BACKOFFICE_SECRET_KEY"),
            ("BACKOFFICE_AUTH_REGISTRATION", "BACKOFFICE_AUTH__REGISTRATION"),
            ("backoffice_databse_url", "BACKOFFICE_DATABASE_URL"),
            ("BACKOFFICE_WEATHER", None),
        ],
    )
    def test_the_nearest_is_near(
        self, name: str, nearest: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "x")
        found = unknown(kind for _, kind in registered()[0])
        assert [(each.name, each.nearest) for each in found] == [(name, nearest)]

    def test_files_of_secrets_are_named_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "backoffice_secret_kye").touch()
        (tmp_path / "backoffice_secret_key").touch()
        (tmp_path / "certificate").touch()
        monkeypatch.setenv("BACKOFFICE_SECRETS_DIR", str(tmp_path))
        found = unknown(kind for _, kind in registered()[0])
        assert [each.name for each in found] == ["backoffice_secret_kye"]

    def test_what_kubernetes_sets_for_a_service_is_not_taken_for_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {
            "BACKOFFICE_SERVICE_HOST": "10.0.0.1",
            "BACKOFFICE_SERVICE_PORT": "80",
            "BACKOFFICE_SERVICE_PORT_HTTP": "80",
            "BACKOFFICE_PORT": "tcp://10.0.0.1:80",
            "BACKOFFICE_PORT_80_TCP": "tcp://10.0.0.1:80",
            "BACKOFFICE_PORT_80_TCP_PROTO": "tcp",
            "BACKOFFICE_PORT_80_TCP_PORT": "80",
            "BACKOFFICE_PORT_80_TCP_ADDR": "10.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        assert unknown(kind for _, kind in registered()[0]) == []


def findings(out: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in json.loads(out):
        if each["id"] in ("core.settings", "core.unknown-setting"):
            found.setdefault(each["level"], []).append(each["message"])
    return found


@pytest.mark.parametrize("verb", [["doctor"], ["migrate", "status"]])
def test_no_command_shows_a_password_of_the_database(
    backoffice: Backoffice, project: Path, verb: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "main.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    url = f"postgresql://u:{CANARY}@127.0.0.1:1/d?password={CANARY}&connect_timeout=1"
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    _, out, err = backoffice(*verb)
    assert CANARY not in out + err
    assert "postgresql://u:***@127.0.0.1:1/d?" in out + err


@pytest.mark.usefixtures("shop")
class TestDoctor:
    def test_says_that_settings_are_right(self, backoffice: Backoffice) -> None:
        assert list(findings(backoffice("doctor", "--json")[1])) == ["ok"]

    def test_warns_of_misspelt_variables(
        self, backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOT", CANARY)
        _, out, err = backoffice("doctor", "--json")
        (warning,) = findings(out)["warning"]
        assert "BACKOFFICE_DATABASE_TIMEOT" in warning
        assert "did you mean BACKOFFICE_DATABASE_TIMEOUT?" in warning
        assert CANARY not in out + err

    def test_names_each_wrong_setting(
        self, backoffice: Backoffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_MIGRATIONS__WAIT", CANARY)
        monkeypatch.setenv("SHOP_SHELVES", CANARY)
        code, out, err = backoffice("doctor", "--json")
        assert code == 1
        assert [each.split(":")[0] for each in findings(out)["error"]] == [
            "BACKOFFICE_MIGRATIONS__WAIT",
            "SHOP_SHELVES",
        ]
        assert CANARY not in out + err
