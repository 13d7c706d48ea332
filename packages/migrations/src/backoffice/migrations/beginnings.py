"""The files that a history of the app's own begins with: alembic.ini, env.py and a template."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from backoffice.core.discovery import project_folder
from backoffice.core.errors import Conflict, InvalidInput, SetupError
from backoffice.migrations.metadata import Models, import_roots

_NAMING = """
for each in target_metadata:
    name_constraints(each)
"""


@dataclass(frozen=True)
class File:
    """A file to write."""

    path: Path
    text: str


def planned(models: Models, folder: str, *, verb: str, names: bool) -> list[File]:
    """The files of a history in a folder of the project; Conflict where one of them is there.

    `names` is whether constraints that the models leave unnamed get names: not where a database
    has given them others.
    """
    project = project_folder()
    place = project / folder
    if not place.resolve().is_relative_to(project.resolve()) or place == project:
        raise InvalidInput(f"--folder {folder} must be a folder of the project")
    roots = [
        _here(each, project)
        for each in {project.resolve(): 0, **dict.fromkeys(import_roots(models))}
    ]
    ini = _template("alembic.ini.txt").format(
        verb=verb, folder=PurePosixPath(Path(folder)), roots="\n    ".join(roots)
    )
    env = _template("env.py.txt").format(
        verb=verb,
        imports=_imports(models),
        targets=", ".join(
            each.replace(":", ".").removeprefix("sqlmodel.") for each in models.targets
        ),
        driver=_driver(),
        naming=_NAMING if names else "",
    )
    found = [
        File(project / "alembic.ini", ini),
        File(place / "env.py", env),
        File(place / "script.py.mako", _template("script.py.mako")),
    ]
    _check_free(found, place)
    return found


def write(found: Sequence[File]) -> None:
    """Write all of the files, or none; SetupError where one cannot be.

    Alembic.ini comes last: without it there is no history yet, wherever this is broken off.
    """
    written: list[Path] = []
    try:
        for each in sorted(found, key=lambda each: each.path.name == "alembic.ini"):
            each.path.parent.mkdir(parents=True, exist_ok=True)
            if each.path.name == "env.py":
                (each.path.parent / "versions").mkdir(exist_ok=True)
            with each.path.open("x", encoding="utf-8") as file:
                written.append(each.path)
                file.write(each.text)
    except OSError as error:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise SetupError(f"{error.filename} cannot be written: {error.strerror}") from None


def _check_free(found: Sequence[File], place: Path) -> None:
    there = [each.path for each in found if os.path.lexists(each.path)]
    if place.is_dir() and any(place.iterdir()):
        there.append(place)
    if there:
        raise Conflict(
            f"{there[0]} is there already; name another folder by --folder, or move it away",
            code="file_exists",
        )


def _template(name: str) -> str:
    return files("backoffice.migrations").joinpath("templates", name).read_text("utf-8")


def _imports(models: Models) -> str:
    lines = [f"import {each}" for each in models.modules]
    if any(each.startswith("sqlmodel:") for each in models.targets):
        lines.append("from sqlmodel import SQLModel")
    return "\n".join(lines)


def _here(root: Path, project: Path) -> str:
    if root == project.resolve():
        return "%(here)s"
    if root.is_relative_to(project.resolve()):
        return f"%(here)s/{root.relative_to(project.resolve()).as_posix()}"
    return root.as_posix().replace("%", "%%")


def _driver() -> str:
    """Of PostgreSQL, for a URL that names none: what is installed."""
    for driver in ("psycopg", "psycopg2", "asyncpg"):
        if find_spec(driver) is not None:
            return f"postgresql+{driver}"
    return "postgresql+psycopg"
