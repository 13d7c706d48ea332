"""Where the files of the app's history are, told from its configuration without Alembic."""

import os
import re
import sys
import tomllib
from collections.abc import Sequence
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from backoffice.core.errors import SetupError
from backoffice.migrations.connections import same_database
from backoffice.migrations.histories import APP
from backoffice.migrations.project import AppHistory

#: What `alembic init` writes into alembic.ini for want of anything better.
PLACEHOLDER = "driver://user:pass@localhost/dbname"

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
#: How Alembic splits where nothing says how.
_LEGACY = re.compile(r", *|(?: +)")

_VERSION_TABLE = re.compile(r"\bversion_table\s*=\s*[\"'](\w+)[\"']\s*[,)\n]")
# One of several schemas may be meant, or another than where we would look.
_SCHEMA = re.compile("version_table_schema|search_path|schema_translate_map")
_HANDED = re.compile(r"\battributes(?:\.get\(|\[)\s*[\"']connection[\"']")
# As `alembic init` writes it: any other may have an address of its own.
_STOCK = re.compile(
    r"engine_from_config\(\s*config\.get_section\(config\.config_ini_section(?:, \{\})?\),\s*"
    r"prefix=[\"']sqlalchemy\.[\"'],\s*poolclass=pool\.NullPool,?\s*\)"
)
_FILTERED = re.compile(r"env_options\(|[\"']backoffice_")
_OPTION = re.compile(r"set_main_option|set_section_option|file_config")


def version_folders(app: AppHistory) -> tuple[tuple[Path, ...], bool]:
    """The folders that revisions are in, and whether in folders below them too.

    SetupError where the configuration names none.
    """
    options = _Options(app)
    named = options.several("version_locations")
    if named:
        folders = tuple(_folder(app, each) for each in named)
    else:
        folders = (script_folder(app) / "versions",)
    return tuple(each.absolute() for each in folders), options.flag("recursive_version_locations")


def script_folder(app: AppHistory) -> Path:
    """The folder of env.py; SetupError where the configuration names none that is there."""
    location = _Options(app).one("script_location")
    if not location:
        raise SetupError(f"{APP}: No 'script_location' key found in configuration.")
    folder = _folder(app, location)
    if not folder.is_dir():
        raise SetupError(f"{APP}: Path doesn't exist: {location}")
    return folder.absolute()


def names_version_table(app: AppHistory | None) -> bool:
    """Whether the app's env.py keeps its version rows in a table of another name than Alembic's."""
    if app is None:
        return False
    return "version_table" in _env(app)


def version_table(app: AppHistory) -> str | None:
    """The table of the app's version rows, as its env.py has it written out; None where that has
    to be run to know it."""
    text = _env(app)
    if _SCHEMA.search(text):
        return None
    if "version_table" not in text:
        return "alembic_version"
    found = set(_VERSION_TABLE.findall(text))
    return found.pop() if len(found) == 1 else None


def leaves_packages_out(text: str) -> bool:
    """Whether the text of an env.py knows of the packages' tables."""
    return bool(_FILTERED.search(text))


def surely_ours(app: AppHistory, url: URL) -> bool:
    """Whether its env.py leads to the database at `url`, as can be told without running it.

    It takes the connection that it is handed, or the URL that alembic.ini leaves open, or names
    there.
    """
    text = _env(app)
    if _HANDED.search(text):
        return True
    if not _STOCK.search(text) or _OPTION.search(text):
        return False
    named = _Options(app).raw("sqlalchemy.url")
    return named in ("", PLACEHOLDER) or _names(named, url)


def _env(app: AppHistory) -> str:
    file = script_folder(app) / "env.py"
    return file.read_text("utf-8", errors="replace") if file.is_file() else ""


def _names(address: str, url: URL) -> bool:
    try:
        return same_database(make_url(address.replace("%%", "%")), url)
    except ArgumentError:
        return False


class _Options:
    """`[alembic]` of the ini file, then `[tool.alembic]` of pyproject.toml, as Alembic has it."""

    def __init__(self, app: AppHistory) -> None:
        self._ini = ConfigParser({"here": app.folder.as_posix()})
        if app.ini is not None:
            self._ini.read(app.ini, "utf-8")
        self._toml = _toml(app.pyproject) if app.pyproject is not None else {}
        self._here = {"here": app.folder.as_posix()}

    def one(self, name: str) -> str:
        if self._ini.has_option("alembic", name):
            return self._ini.get("alembic", name)
        value = self._toml.get(name, "")
        return str(value) % self._here

    def raw(self, name: str) -> str:
        """As it is written, without what it refers to."""
        if self._ini.has_option("alembic", name):
            return self._ini.get("alembic", name, raw=True)
        return str(self._toml.get(name, ""))

    def several(self, name: str) -> Sequence[str]:
        written = self._ini.get("alembic", name, fallback="")
        if not written:
            return [str(each) % self._here for each in self._toml.get(name) or ()]
        separator = self.one("path_separator") or self.one("version_path_separator")
        if not separator:
            return _LEGACY.split(written)
        parts = written.split(_SEPARATORS.get(separator, os.pathsep))
        return [each.strip() for each in parts if each.strip()]

    def flag(self, name: str) -> bool:
        return self.one(name).lower() in ("true", "1", "yes", "on")


def _toml(path: Path) -> dict[str, Any]:
    table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("alembic", {})
    return table if isinstance(table, dict) else {}


def _folder(app: AppHistory, location: str) -> Path:
    package, colon, rest = location.partition(":")
    if colon and not Path(location).is_absolute():
        return _in_package(app, package, rest)
    path = Path(location)
    return path if path.is_absolute() or path.exists() else app.folder / path


def _in_package(app: AppHistory, package: str, rest: str) -> Path:
    for entry in (str(app.folder), *sys.path):
        folder = Path(entry, *package.split("."))
        if folder.is_dir():
            return folder / rest
    try:
        spec = find_spec(package)
    except ImportError:
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise SetupError(f"{APP}: there is no package {package}, which script_location names")
    return Path(places[0]) / rest
