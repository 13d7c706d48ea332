"""All checks of the migrations, those that are asked for, in order."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from backoffice.core.database import parsed
from backoffice.core.errors import BackofficeError
from backoffice.core.settings import load
from backoffice.migrations import runner
from backoffice.migrations.connections import file_missing
from backoffice.migrations.guards.faults import CHECKS, Check, Fault
from backoffice.migrations.guards.files import line_faults, package_faults
from backoffice.migrations.guards.live import drift_faults, schema_at, standing_faults
from backoffice.migrations.guards.schema import schema_of
from backoffice.migrations.histories import PackageHistory, installed, ordered
from backoffice.migrations.project import AppHistory, adopted_table
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.vendored import Modes, modes

if TYPE_CHECKING:
    from backoffice.migrations.guards.rehearsal import Rehearsal

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Examination:
    """What to check, and of which app.

    `seeds` puts rows of the app's own into the temporary database once it is at a revision; `rows`
    says whether rows are made up where it leaves a table empty; `since` names the last revision
    that need not be taken back.
    """

    database_url: str
    app: AppHistory | None = None
    histories: Sequence[PackageHistory] | None = None
    checks: Collection[Check] = CHECKS
    seeds: Callable[[Connection, str], None] | None = None
    rows: bool = True
    since: str | None = None

    def faults(self, tell: Tell = lambda _: None) -> list[Fault]:
        """Make the checks; what was found, notes as well. `tell` gets the name of each check.

        Raises what keeps a check from being made: SetupError, Unavailable.
        """
        known = ordered(installed() if self.histories is None else self.histories)
        found = modes(self.app, known)
        faults = list(self._of_files(found, known, tell))
        if self._wants("pending", tell):
            standings = runner.status(self.database_url, self.app, histories=known)
            faults += standing_faults(standings)
        broken = any(each.check == "heads" and not each.note for each in faults)
        if self.app is not None and not broken and {"stairway", "models", "drift"} & {*self.checks}:
            behind = any(each.state for each in faults)
            faults += list(self._rehearsed(self.app, found, behind, tell))
        return faults

    def _wants(self, check: Check, tell: Tell) -> bool:
        if check in self.checks:
            tell(check)
        return check in self.checks

    def _of_files(
        self, found: Modes, known: Sequence[PackageHistory], tell: Tell
    ) -> Iterator[Fault]:
        if self._wants("heads", tell):
            yield from line_faults(found.scripts)
        if self._wants("packages", tell):
            yield from package_faults(found, known)

    def _rehearsed(
        self, app: AppHistory, found: Modes, behind: bool, tell: Tell
    ) -> Iterator[Fault]:
        """What needs a temporary database, of which one does for all."""
        from backoffice.migrations.guards.rehearsal import rehearsal

        # Where users are the app's own, packages need its tables first, and so are left out.
        managed = () if adopted_table(load(MigrationSettings)) else found.before

        def begin() -> "AbstractContextManager[Rehearsal]":
            return rehearsal(self.database_url, app, managed)

        if self._wants("stairway", tell):
            yield from self._climbed(begin)
        with begin() as made:
            try:
                made.up(*made.revisions())
            except BackofficeError as error:
                if "stairway" not in self.checks:
                    yield Fault("models", f"the history does not run: {error.message}")
                return
            yield from self._compared(made, behind, tell)

    def _climbed(self, begin: "Callable[[], AbstractContextManager[Rehearsal]]") -> Iterator[Fault]:
        from backoffice.migrations.guards.stairway import Stairway

        with Stairway(begin, seeds=self.seeds, since=self.since, generated=self.rows) as stairway:
            yield from stairway.climb()

    def _compared(self, made: "Rehearsal", behind: bool, tell: Tell) -> Iterator[Fault]:
        if self._wants("models", tell):
            yield from _against_models(made)
        behind = behind or file_missing(parsed(self.database_url))
        if self._wants("drift", tell) and not behind:
            with made.engine.connect() as connection:
                wanted = schema_of(connection)
            yield from drift_faults(wanted, schema_at(self.database_url))


def _against_models(made: "Rehearsal") -> list[Fault]:
    from backoffice.migrations.guards.models import model_faults

    found: list[Fault] = []
    made.look(lambda context: found.extend(model_faults(context)))
    return found
