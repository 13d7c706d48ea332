"""Copies of packages' revisions in the app's own history, as `backoffice migrate sync` made them.

A package of which the history holds a copy is *vendored*: its tables come by the app's own line of
revisions, and whatever else is done about it is done there. Any other is *managed*: a version
table of its own says how far it has come.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from backoffice.migrations.histories import PackageHistory, Revision
from backoffice.migrations.project import AppHistory
from backoffice.migrations.scripts import Script, readable_scripts


@dataclass(frozen=True)
class Modes:
    """Which packages are vendored, and which are managed, as the files of the app say."""

    #: Those whose tables can be made before the app's own history has run, in order.
    before: tuple[PackageHistory, ...] = ()
    #: Those that require a vendored one, so that the app's own history goes first.
    after: tuple[PackageHistory, ...] = ()
    vendored: tuple[PackageHistory, ...] = ()
    #: The app's own revisions, as far as they can be read as text, and whether these are all.
    scripts: tuple[Script, ...] = field(default=(), repr=False)
    complete: bool = True

    @property
    def managed(self) -> tuple[PackageHistory, ...]:
        """All that have a version table of their own, in order."""
        return (*self.before, *self.after)


def modes(app: AppHistory | None, histories: Sequence[PackageHistory]) -> Modes:
    """The modes of these packages (which are in order) in an app, or in none."""
    scripts, complete = readable_scripts(app) if app is not None else ((), True)
    names = {each.copy_of.package for each in scripts if each.copy_of}
    late: set[str] = set()
    for history in histories:
        if history.name not in names and {*history.requires} & (names | late):
            late.add(history.name)
    managed = [each for each in histories if each.name not in names]
    return Modes(
        tuple(each for each in managed if each.name not in late),
        tuple(each for each in managed if each.name in late),
        tuple(each for each in histories if each.name in names),
        scripts,
        complete,
    )


def copies(scripts: Iterable[Script], package: str) -> tuple[Script, ...]:
    """The copies of a package's revisions, each after those that it stands on."""
    found = {each.id: each for each in scripts if each.copy_of and each.copy_of.package == package}
    by_id = {each.id: each for each in scripts}
    graph = {each: [down for down in by_id[each].down if down in by_id] for each in by_id}
    return tuple(found[each] for each in TopologicalSorter(graph).static_order() if each in found)


def unsynced(scripts: Sequence[Script], history: PackageHistory) -> tuple[Revision, ...]:
    """The revisions of an installed package of which the app's history has no copy yet."""
    there = {each.id for each in scripts}
    return tuple(each for each in history.revisions if each.id not in there)


def removed(scripts: Iterable[Script], histories: Iterable[PackageHistory]) -> tuple[str, ...]:
    """The packages that are not installed any more and whose copies stay, in order of name."""
    installed = {each.name for each in histories}
    names = {each.copy_of.package for each in scripts if each.copy_of}
    return tuple(sorted(names - installed))


def came_by_copies(rows: Iterable[str], scripts: Sequence[Script], history: PackageHistory) -> bool:
    """Whether the app's version rows say that a package which is managed was vendored before.

    They name one of its revisions; or one that the app's files do not have, so that nobody knows
    what the database has got by the files that are missing.
    """
    there = set(rows)
    if there & {each.id for each in history.revisions}:
        return True
    return bool(scripts) and not there <= {each.id for each in scripts}
