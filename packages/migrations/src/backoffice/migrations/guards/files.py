"""Checks that need the files alone: one line of revisions, copies of packages as they were made."""

from collections import Counter
from collections.abc import Iterator, Sequence

from backoffice.core.errors import SetupError
from backoffice.migrations.copying import difference
from backoffice.migrations.guards.faults import Fault
from backoffice.migrations.histories import PackageHistory
from backoffice.migrations.scripts import Script, heads
from backoffice.migrations.vendored import Modes, copies, removed, unsynced

#: Alembic's column is VARCHAR(32).
_LONGEST = 32


def line_faults(scripts: Sequence[Script]) -> Iterator[Fault]:
    """The history is one line to one head, of ids that a database can keep."""
    known = Counter(each.id for each in scripts)
    for identity, count in sorted(known.items()):
        if count > 1:
            yield Fault("heads", f"{count} files have this id", "rename one", identity)
        if len(identity) > _LONGEST:
            told = f"the id has {len(identity)} characters, PostgreSQL takes {_LONGEST}"
            yield Fault("heads", told, "shorten it", identity)
    for each in scripts:
        for missing in {*each.down, *each.depends_on} - known.keys():
            told = f"it stands on {missing}, which no file has"
            yield Fault("heads", told, "bring the file back", each.id)
    found = heads(scripts)
    if len(found) > 1:
        told = f"the history has {len(found)} heads: {', '.join(found)}"
        yield Fault("heads", told, "join them by `alembic merge heads`", state="split")


def package_faults(found: Modes, histories: Sequence[PackageHistory]) -> Iterator[Fault]:
    """Every revision of a package that is copied is there, and as it was made."""
    for history in found.vendored:
        for missing in unsynced(found.scripts, history):
            told = f"the history has no copy of {history.name}'s {missing.id}"
            yield Fault("packages", told, "run `backoffice migrate sync`", missing.id, "pending")
        for script in copies(found.scripts, history.name):
            yield from _changed(script, history)
    for name in removed(found.scripts, histories):
        told = f"{name} is not installed any more; its copies and its tables stay"
        yield Fault("packages", told, note=True)


def _changed(script: Script, history: PackageHistory) -> Iterator[Fault]:
    try:
        told = difference(script, history)
    except (SetupError, SyntaxError) as error:
        told = str(error)
    if told is not None:
        yield Fault("packages", told, "take it back as it was", script.id)
