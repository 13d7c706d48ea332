"""Which revisions are to be judged, and which are only read for what they make."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backoffice.core.errors import InvalidInput, NotFound, SetupError
from backoffice.migrations.histories import PackageHistory
from backoffice.migrations.locations import version_folders
from backoffice.migrations.project import AppHistory
from backoffice.migrations.scripts import (
    Script,
    ancestors,
    oldest_first,
    read_script,
    readable_scripts,
)


@dataclass(frozen=True)
class Selection:
    """All files in the order in which they run, and those of them that are judged."""

    files: tuple[Path, ...] = ()
    judged: frozenset[Path] = frozenset()


def whole(app: AppHistory) -> Selection:
    """Every revision of the app; copies of a package's revisions are not its to change."""
    scripts = _scripts(app)
    own = [each.path for each in scripts if each.copy_of is None]
    strays = _strays(app, scripts)
    files = (*(each.path for each in scripts), *strays)
    return Selection(files, frozenset([*own, *strays]))


def since(app: AppHistory, revision: str) -> Selection:
    """The revisions that do not come before that one; NotFound where there is no such."""
    scripts = _scripts(app)
    found = [each.id for each in scripts if each.id == revision] or [
        each.id for each in scripts if each.id.startswith(revision)
    ]
    if len(found) != 1:
        told = "is none of the revisions" if not found else "is the beginning of several revisions"
        raise NotFound(f"{revision!r} {told}; `backoffice migrate history` lists them")
    before = ancestors(scripts, found)
    chosen = whole(app)
    done = {each.path for each in scripts if each.id in before}
    return Selection(chosen.files, chosen.judged - done)


def named(app: AppHistory | None, paths: Iterable[Path]) -> Selection:
    """These files, or those in these folders, after all that the app's history has before them."""
    known = [each.path for each in _scripts(app)] if app is not None else []
    # One file may go by several names, and is read once.
    names = {each.resolve(): each for each in known}
    files = [file.absolute() for path in paths for file in _files(path)]
    wanted = list(dict.fromkeys(names.setdefault(each.resolve(), each) for each in files))
    others = [each for each in wanted if each not in known]
    return Selection((*known, *_in_order(others)), frozenset(wanted))


def pending(
    app: AppHistory | None, parts: Sequence[PackageHistory], ids: Collection[str]
) -> Selection:
    """The files of these revisions alone: what stands before them is in the database."""
    folders = [each.folder / "versions" for each in parts]
    files = [*(file for folder in folders for file in _files(folder))]
    files = [*_in_order(files), *([each.path for each in _scripts(app)] if app else [])]
    left = tuple(each for each in files if (found := read_script(each)) and found.id in ids)
    return Selection(left, frozenset(left))


def _scripts(app: AppHistory) -> tuple[Script, ...]:
    return oldest_first(readable_scripts(app)[0])


def _strays(app: AppHistory, scripts: Iterable[Script]) -> list[Path]:
    """Files that look like revisions, of which no id can be read."""
    known = {each.path for each in scripts}
    folders, below = version_folders(app)
    found = [file for each in folders for file in each.glob("**/*.py" if below else "*.py")]
    return [each for each in sorted(found) if each not in known and _upgrades(each)]


def _upgrades(file: Path) -> bool:
    return b"def upgrade(" in file.read_bytes()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [each for each in sorted(path.glob("*.py")) if each.name != "__init__.py"]
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}")
    return [path]


def _in_order(paths: Sequence[Path]) -> list[Path]:
    """By what they follow, where that can be read."""
    scripts: list[Script] = []
    strays: list[Path] = []
    for each in paths:
        try:
            script = read_script(each)
        except SetupError:
            script = None
        if script is None:
            strays.append(each)
        else:
            scripts.append(script)
    return [*(each.path for each in oldest_first(scripts)), *strays]
