"""The packages' histories: which are installed, in which order, and what revisions they hold.

Nothing here imports Alembic, nor the packages themselves: revisions are read as text, which takes
a hundredth of the time and runs no code of a package before its tables are there.
"""

import ast
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from backoffice.core.errors import SetupError

ENTRY_POINTS = "backoffice.migrations"
VERSION_TABLES = "alembic_version_backoffice_"
#: The name of the app's own history, so that no package may have it.
APP = "app"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
# Alembic's column is VARCHAR(32): PostgreSQL refuses a longer id.
_ID = re.compile(r"[A-Za-z0-9_]{1,32}")
_ASSIGNED = re.compile(
    r"^(revision|down_revision)\b(?:\s*:[^=\n]+)?\s*=\s*(?:None\b|(['\"])(.*?)\2)", re.MULTILINE
)
_DOCSTRING = re.compile(r"\s*(\"\"\"|'''|\"|')(.*?)\1", re.DOTALL)


@dataclass(frozen=True)
class Revision:
    """One step of a history; `doc` is the first line of its docstring."""

    id: str
    doc: str = ""
    down: str | None = None
    #: Whether an app may serve before it is applied.
    may_wait: bool = False


@dataclass(frozen=True)
class Migration:
    """One revision of one history: pending, or applied just now."""

    history: str
    revision: str
    doc: str


@dataclass(frozen=True)
class PackageHistory:
    """The revisions that a package ships, in `folder/versions`, one after the other.

    `requires` names the packages whose tables must be there first. Raises SetupError on a name
    that cannot be part of a table's name.
    """

    name: str
    folder: Path
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == APP:
            raise SetupError(
                f"{self.name!r} cannot name a history: 1 to 32 of a-z, 0-9 and _, not {APP!r}"
            )

    @property
    def version_table(self) -> str:
        """Where the database keeps how far this history has come."""
        return VERSION_TABLES + self.name

    @cached_property
    def revisions(self) -> tuple[Revision, ...]:
        """All revisions, the first one first; SetupError when they do not form one line."""
        return _line(self.name, list(self._read.values()))

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Where each revision is, by its id."""
        return {revision.id: file for file, revision in self._read.items()}

    @cached_property
    def version(self) -> str:
        """That of the installed distribution that ships it; "unknown" where none does."""
        for entry in entry_points(group=ENTRY_POINTS, name=self.name):
            if entry.dist is not None:
                return entry.dist.version
        return "unknown"

    @cached_property
    def _read(self) -> Mapping[Path, Revision]:
        versions = self.folder / "versions"
        if not versions.is_dir():
            raise SetupError(f"{self.name}: there is no folder {versions}; install it again")
        files = sorted(each for each in versions.glob("*.py") if each.name != "__init__.py")
        return {file: _read(file) for file in files}


def installed() -> tuple[PackageHistory, ...]:
    """The histories of all installed packages, by their entry points, in order of name."""
    found: dict[str, str] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        if found.setdefault(entry.name, entry.value) != entry.value:
            raise SetupError(f"two packages ship migrations under the name {entry.name!r}")
    return tuple(_history(name, module) for name, module in sorted(found.items()))


def ordered(histories: Iterable[PackageHistory]) -> tuple[PackageHistory, ...]:
    """The same histories, each after those that it requires."""
    by_name = {history.name: history for history in histories}
    for history in by_name.values():
        if missing := [name for name in history.requires if name not in by_name]:
            raise SetupError(
                f"{history.name} requires the tables of {', '.join(missing)}; install that too"
            )
    graph = TopologicalSorter({name: each.requires for name, each in by_name.items()})
    try:
        return tuple(by_name[name] for name in graph.static_order())
    except CycleError as error:
        raise SetupError(f"packages require each other: {' -> '.join(error.args[1])}") from None


def _history(name: str, module: str) -> PackageHistory:
    folder = _folder(module)
    if folder is None:
        raise SetupError(f"{name}: there is no package {module} with a folder versions in it")
    return PackageHistory(name, folder, _requires(folder / "__init__.py"))


def _folder(module: str) -> Path | None:
    for entry in sys.path:
        folder = Path(entry, *module.split("."))
        if (folder / "versions").is_dir():
            return folder
    try:
        spec = find_spec(module)  # an import hook of its own; this imports the parent packages
    except ImportError:
        return None
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) if places else None


def _requires(path: Path) -> tuple[str, ...]:
    try:
        tree = ast.parse(path.read_text("utf-8") if path.is_file() else "")
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and _names(node, "REQUIRES"):
                return _tuple(ast.literal_eval(node.value or ast.Tuple([])))
    except (SyntaxError, ValueError, TypeError):
        raise SetupError(f"{path}: REQUIRES must be a tuple of names, written out") from None
    return ()


def _tuple(value: object) -> tuple[str, ...]:
    if not isinstance(value, tuple | list):  # ("auth") is no tuple: the comma is missing
        raise TypeError(value)
    return tuple(value)


def _names(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(each, ast.Name) and each.id == name for each in targets)


def _read(path: Path) -> Revision:
    text = path.read_text("utf-8")
    found = {name: value for name, _, value in _ASSIGNED.findall(text)}
    identity = found.get("revision", "")
    if "down_revision" not in found or not _ID.fullmatch(identity):
        raise SetupError(
            f"{path} is no revision of a package: it needs `revision` (1 to 32 letters, digits "
            "and _) and `down_revision` (one id, or None) as plain strings"
        )
    doc = _DOCSTRING.match(text)
    return Revision(identity, first_line(doc and doc.group(2)), found["down_revision"] or None)


def first_line(docstring: str | None) -> str:
    """What a docstring says first, as it fits into a line of talk."""
    return (docstring or "").strip().partition("\n")[0].rstrip(". ")


def _line(name: str, found: Sequence[Revision]) -> tuple[Revision, ...]:
    if len({each.id for each in found}) < len(found):
        raise SetupError(f"{name}: two of its revisions have the same id")
    followers = {each.down: each for each in found}
    line: list[Revision] = []
    while after := followers.get(line[-1].id if line else None):
        line.append(after)
    if len(line) < len(found):
        heads = {each.id for each in found} - {each.down for each in found}
        raise SetupError(
            f"{name}: its revisions do not form one line (heads: {', '.join(sorted(heads))})"
        )
    return tuple(line)
