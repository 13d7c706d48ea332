"""An app whose own history holds copies of a package's revisions, and the package as it changes."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config

from backoffice.migrations import Migration, PackageHistory, upgrade
from backoffice.migrations.environment import _kept_logging
from backoffice.migrations.syncing import Copy, planned, write
from tests.migrations.projects import SAMPLE, Shop

SHELVES = "SELECT name FROM backoffice_shelf ORDER BY id"


class Line:
    """The app `shop`, and the package `library` in the version that is installed just now."""

    def __init__(self, shop: Shop, site: Path) -> None:
        self.shop = shop
        self._site = site
        self.library: PackageHistory
        self.installed: Sequence[PackageHistory]
        self.install(3)

    def install(self, revisions: int) -> None:
        """A version of the package that has so many revisions."""
        folder = self._site / f"library_{revisions}"
        if not folder.exists():
            (folder / "versions").mkdir(parents=True)
            for file in sorted((SAMPLE / "library" / "versions").glob("*.py"))[:revisions]:
                shutil.copy(file, folder / "versions")
        self.library = PackageHistory("library", folder)
        self.installed = [self.library]

    def remove(self) -> None:
        """No package is installed any more."""
        self.installed = []

    def sync(self) -> list[Copy]:
        """What `backoffice migrate sync` does."""
        found = planned(self.shop.history, self.installed)
        write(found)
        return found

    def up(self, told: list[str] | None = None) -> list[Migration]:
        """What `backoffice migrate up` does."""
        tell = told.append if told is not None else lambda _: None
        return upgrade(self.shop.url, self.shop.history, histories=self.installed, tell=tell)

    def alembic(self, verb: str, *arguments: Any, **options: Any) -> Any:
        """What the app's own `alembic` does, in this process."""
        config = Config(str(self.shop.folder / "alembic.ini"))
        with _kept_logging():
            return getattr(command, verb)(config, *arguments, **options)
