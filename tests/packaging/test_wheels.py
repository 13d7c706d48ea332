import json
import secrets
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packaging.environments import Environment, Installer

BELOW = {
    "core": [],
    "ratelimit": ["core"],
    "auth": ["core", "ratelimit"],
    "migrations": ["core"],
    "admin": ["core", "ratelimit", "auth"],
}
WHOLE_SUITE = [
    "fastapi_backoffice[postgres,redis,metrics,testing]",
    "fastapi_backoffice_core",
    "fastapi_backoffice_ratelimit[fastapi-limiter]",
    "fastapi_backoffice_auth[joserfc]",
    "fastapi_backoffice_migrations",
    "fastapi_backoffice_admin",
]
# Modules that say in their own documentation which extra they need.
OF_AN_EXTRA = [
    "backoffice.core.testing.clients",
    "backoffice.core.testing.transport",
    "backoffice.ratelimit.compat.pyrate",
    "backoffice.ratelimit.breaker",
    "backoffice.ratelimit.cluster",
    "backoffice.ratelimit.commands.counters",
    "backoffice.ratelimit.exchange",
    "backoffice.ratelimit.lines",
    "backoffice.ratelimit.links",
    "backoffice.ratelimit.prometheus",
    "backoffice.ratelimit.redis",
    "backoffice.ratelimit.redis_urls",
    "backoffice.ratelimit.sentinels",
    "backoffice.ratelimit.wire",
]
GROUPS = ["users", "roles", "keys", "migrate", "doctor"]

IMPORT_EVERY_MODULE = """
import backoffice, importlib, pkgutil, sys
for module in pkgutil.walk_packages(backoffice.__path__, "backoffice."):
    if ".versions." not in module.name and module.name not in sys.argv[1:]:
        importlib.import_module(module.name)
"""

NEIGHBOURS_HERE = """
import backoffice, json, pkgutil
print(json.dumps(sorted(module.name for module in pkgutil.iter_modules(backoffice.__path__))))
"""

APP = """
from fastapi import FastAPI

from backoffice.auth import Auth

auth, app = Auth(), FastAPI()
app.include_router(auth.router, prefix="/auth")
"""


def import_all(environment: Environment, *left_out: str) -> None:
    """Import each module of every package that is there, warnings being errors."""
    environment.run("python", "-W", "error", "-c", IMPORT_EVERY_MODULE, *left_out)


@pytest.mark.parametrize("package", BELOW)
def test_a_package_stands_on_what_is_below_it_alone(
    installer: Installer, package: str, tmp_path: Path
) -> None:
    """It installs, and every module of it imports, where nothing above it and no extra exists."""
    packages = [*BELOW[package], package]
    environment = installer.environment(
        tmp_path / "venv", [f"fastapi_backoffice_{name}" for name in packages]
    )
    assert json.loads(environment.run("python", "-c", NEIGHBOURS_HERE)) == sorted(packages)
    import_all(environment, *OF_AN_EXTRA)


@pytest.mark.parametrize(
    ("instead", "sqlalchemy"), [([], "2.1."), (["sqlalchemy<2.1"], "2.0.")], ids=["2.1", "2.0"]
)
def test_the_whole_suite_works_with_either_sqlalchemy(
    installer: Installer,
    tmp_path: Path,
    instead: list[str],
    sqlalchemy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All packages and extras install together, import, and write and read a database."""
    environment = installer.environment(tmp_path / "venv", WHOLE_SUITE, instead=instead)
    version = environment.run("python", "-c", "import sqlalchemy; print(sqlalchemy.__version__)")
    assert version.startswith(sqlalchemy)
    import_all(environment)
    environment.run("backoffice", "migrate", "up")
    (environment.directory / "main.py").write_text(APP)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", secrets.token_hex(32))
    environment.run("backoffice", "users", "create", "ada@example.com", "--generate")
    assert "ada@example.com" in environment.run("backoffice", "users", "list")


def test_the_root_distribution_brings_the_command(installer: Installer, tmp_path: Path) -> None:
    """`backoffice --help` lists the groups of every package, with no extra installed."""
    plain = [distribution.partition("[")[0] for distribution in WHOLE_SUITE]
    listing = installer.environment(tmp_path / "venv", plain).run("backoffice", "--help")
    assert [group for group in GROUPS if group not in listing] == []


def test_wheels_carry_no_file_twice(installer: Installer) -> None:
    """Installed together, none overwrites a file of another."""
    shipped = Counter(
        name
        for wheel in installer.wheels.values()
        for name in ZipFile(wheel).namelist()
        if ".dist-info/" not in name
    )
    assert shipped
    assert [name for name, times in shipped.items() if times > 1] == []
