"""Where the app's own Alembic history is, and what its table of users is called."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backoffice.core.discovery import project_folder, project_table
from backoffice.core.errors import SetupError
from backoffice.migrations.settings import MigrationSettings


@dataclass(frozen=True)
class AppHistory:
    """The files that configure the app's history: an alembic.ini, a pyproject.toml, or both."""

    ini: Path | None = None
    pyproject: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder that a relative path in the configuration is meant from."""
        return (self.ini or self.pyproject or Path.cwd()).absolute().parent


def app_history() -> AppHistory | None:
    """The history of the project that we are in, or None for an app that has none.

    `alembic = "path/to/alembic.ini"` under `[tool.backoffice]`; else alembic.ini beside the
    nearest pyproject.toml or in the present folder; else `[tool.alembic]`. Raises SetupError when
    pyproject.toml names a file that is not there.
    """
    pyproject = project_folder() / "pyproject.toml"
    ini = _named(pyproject.parent) or _conventional(pyproject.parent)
    in_toml = "alembic" in _tools(pyproject)
    if ini is None and not in_toml:
        return None
    return AppHistory(ini, pyproject if in_toml else None)


def adopted_table(settings: MigrationSettings) -> str:
    """The app's own table of users, as the settings or the project name it; "" where none is."""
    named = settings.user_table or project_table().get("user_table", "")
    if not isinstance(named, str):
        raise SetupError("`user_table` under [tool.backoffice] must be the name of a table")
    return named


def _named(folder: Path) -> Path | None:
    named = project_table().get("alembic")
    if named is None:
        return None
    if not isinstance(named, str) or not (folder / named).is_file():
        raise SetupError(
            f"`alembic` under [tool.backoffice] in {folder / 'pyproject.toml'} must name "
            f"an alembic.ini, from that folder; there is no file {named!r}"
        )
    return folder / named


def _conventional(folder: Path) -> Path | None:
    candidates = (folder / "alembic.ini", Path.cwd() / "alembic.ini")
    return next((each for each in candidates if each.is_file()), None)


def _tools(pyproject: Path) -> dict[str, Any]:
    if not pyproject.is_file():
        return {}
    # project_table() has read this file already, and told what is wrong with it.
    tools: dict[str, Any] = tomllib.loads(pyproject.read_text("utf-8")).get("tool", {})
    return tools
