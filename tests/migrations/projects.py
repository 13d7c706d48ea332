"""Things to migrate: packages with histories, and apps with an Alembic of their own."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from sqlalchemy import NullPool, create_engine, inspect, text

from backoffice.core.database import SYNC_DRIVERS, parsed, with_driver
from backoffice.migrations import AppHistory, PackageHistory
from tests.services.nursery import python

SAMPLE = Path(__file__).parent / "sample"
PLACEHOLDER = "driver://user:pass@localhost/dbname"
BINARIES = Path(sys.executable).parent
LIBRARY = PackageHistory("library", SAMPLE / "library")
LENDING = PackageHistory("lending", SAMPLE / "lending", ("library",))


def sync_url(url: str) -> str:
    """The same address for a driver without `async`."""
    return with_driver(parsed(url), SYNC_DRIVERS).render_as_string(hide_password=False)


class Look:
    """Looks at a database by a connection of its own each time."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(sync_url(url), poolclass=NullPool)

    def tables(self) -> set[str]:
        with self.engine.connect() as connection:
            return set(inspect(connection).get_table_names())

    def indexes(self, table: str) -> set[str]:
        with self.engine.connect() as connection:
            return {str(each["name"]) for each in inspect(connection).get_indexes(table)}

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))


def write_revision(
    versions: Path, identity: str, down: str | None, body: str = "pass", doc: str = ""
) -> None:
    """A revision file whose upgrade is `body`."""
    versions.mkdir(parents=True, exist_ok=True)
    (versions / f"{identity}.py").write_text(
        f'"""{doc or identity}"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f"revision = {identity!r}\ndown_revision = {down!r}\n\n\n"
        f"def upgrade():\n{indent(dedent(body), '    ')}\n\n\n"
        f"def downgrade():\n    op.drop_table({identity!r})\n"
    )


def create_table(name: str) -> str:
    """The body of a revision that makes a table of one column."""
    return f'op.create_table({name!r}, sa.Column("id", sa.Integer(), primary_key=True))'


class Shop:
    """An app with a history of its own, in the folder that `alembic init` filled."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.versions = folder / "alembic" / "versions"

    @property
    def history(self) -> AppHistory:
        ini, pyproject = self.folder / "alembic.ini", self.folder / "pyproject.toml"
        return AppHistory(ini, pyproject if pyproject.exists() else None)

    def alembic(self, *arguments: str, ok: bool = True) -> str:
        """What the app's own alembic command prints."""
        return run([str(BINARIES / "alembic"), *arguments], self.folder, self.url, ok=ok)

    def backoffice(self, *arguments: str) -> str:
        """What the `backoffice` command prints in its folder."""
        return run([str(BINARIES / "backoffice"), *arguments], self.folder, self.url)

    def point_at(self, url: str) -> None:
        """Have its alembic.ini name that database."""
        self.edit("alembic.ini", PLACEHOLDER, sync_url(url).replace("%", "%%"))

    def edit(self, name: str, old: str, new: str) -> None:
        """Change one of its files."""
        path = self.folder / name
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))

    def revision(self, identity: str, down: str | None, body: str = "pass") -> None:
        """Add a revision to its history."""
        write_revision(self.versions, identity, down, body)


def environment(url: str, *paths: Path) -> dict[str, str]:
    """The environment of a process on that database."""
    return {
        **os.environ,
        "BACKOFFICE_DATABASE_URL": url,
        "PYTHONPATH": os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")]),
        "PYTHONWARNINGS": "error",
    }


def run(command: Sequence[str], folder: Path, url: str, *paths: Path, ok: bool = True) -> str:
    """What a command prints, all together; fails where `ok` and it did not end well."""
    program = command[1:] if command[0] == sys.executable else command
    done = python(program, folder=folder, environment=environment(url, *paths), together=True)
    assert (done.returncode == 0) is ok, done.stdout
    return done.stdout


def install(site: Path, **modules: str) -> Path:
    """A folder for PYTHONPATH that holds the metadata of a package with these histories."""
    metadata = site / "sample-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
    lines = [f"{name} = {module}" for name, module in modules.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[backoffice.migrations]", *lines]))
    return site
