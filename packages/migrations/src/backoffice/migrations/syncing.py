"""Brings the app's own history to hold a copy of every revision of the installed packages."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backoffice.core.errors import Conflict, NotFound, SetupError
from backoffice.migrations.beginnings import File
from backoffice.migrations.copying import rendered, source
from backoffice.migrations.histories import APP, PackageHistory, Revision
from backoffice.migrations.locations import version_folders
from backoffice.migrations.project import AppHistory
from backoffice.migrations.scripts import Script, app_scripts, head
from backoffice.migrations.vendored import copies, unsynced

_CREATED = re.compile(r"create_table\(\s*[\"'](\w+)[\"']")


@dataclass(frozen=True)
class Copy:
    """A file to write: the copy of a package's revision, standing on `down`."""

    package: str
    revision: str
    doc: str
    down: str | None
    path: Path
    text: str


def planned(
    app: AppHistory, histories: Sequence[PackageHistory], users: str | None = None
) -> list[Copy]:
    """What is missing in the app's history of these packages, which are in order.

    Those that are to be `kept_apart` are left out. `users` is the expression for the app's own
    users, as `copying.rendered` takes it. Conflict where the history has several heads, or one of
    the ids is taken.
    """
    scripts = app_scripts(app)
    apart = kept_apart(scripts, histories)
    histories = [each for each in histories if each.name not in apart]
    for history in histories:
        _check(history, scripts)
    down = head(scripts)
    folder = _folder(app, scripts, down)
    found = []
    for history in histories:
        for each in unsynced(scripts, history):
            text = rendered(history, each, down, users)
            path = folder / history.files[each.id].name
            found.append(Copy(history.name, each.id, each.doc, down, path, text))
            down = each.id
    _check_paths(found)
    return found


def kept_apart(scripts: Sequence[Script], histories: Sequence[PackageHistory]) -> dict[str, Script]:
    """The packages whose tables a revision of the app's refers to already, and that revision.

    They were made before the app's own history ran, where a copy at its end would come too late
    for a new database. What such a package requires has to be there before it, too.
    """
    found: dict[str, Script] = {}
    for history in reversed(histories):  # whoever requires another stands after it
        if copies(scripts, history.name):
            continue
        later = (
            found[each.name]
            for each in histories
            if history.name in each.requires and each.name in found
        )
        referring = next(later, None) or _referring(scripts, history)
        if referring is not None:
            found[history.name] = referring
    return found


def apart_words(package: str, referring: Script) -> str:
    """What to tell of such a package."""
    return (
        f"{package} stays apart from your history, in a version table of its own: your revision "
        f"{referring.id} refers to its tables, which a copy after it would make too late for a "
        "new database"
    )


def _referring(scripts: Sequence[Script], history: PackageHistory) -> Script | None:
    texts = (source(history, each.id) for each in history.revisions)
    tables = {name for text in texts for name in _CREATED.findall(text)}
    if not tables:
        return None
    named = re.compile(rf"\b({'|'.join(map(re.escape, sorted(tables)))})\b")
    own = (each for each in scripts if each.copy_of is None)
    return next((each for each in own if named.search(each.path.read_text("utf-8"))), None)


def chosen(histories: Sequence[PackageHistory], names: Sequence[str]) -> list[PackageHistory]:
    """Those of these names, and what they require; NotFound for a name that none has."""
    if unknown := {*names} - {each.name for each in histories}:
        there = ", ".join(each.name for each in histories)
        raise NotFound(
            f"no package of the name {', '.join(sorted(unknown))} ships migrations; there are: "
            f"{there or 'none'}"
        )
    wanted = {*names}
    for history in reversed(histories):  # whoever requires another stands after it
        if history.name in wanted:
            wanted |= {*history.requires}
    return [each for each in histories if not names or each.name in wanted]


def write(copies: Sequence[Copy | File]) -> None:
    """Write the files, each whole or not at all, in their order; SetupError where one cannot be.

    Those that came before one that fails stay: they are a history of their own.
    """
    for each in copies:
        part = each.path.with_name(f".{each.path.name}.part")
        try:
            each.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(each.text, "utf-8")
            part.replace(each.path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise SetupError(f"{each.path} cannot be written: {error.strerror}") from None


def ahead(scripts: Sequence[Script], history: PackageHistory) -> list[str]:
    """The copies of revisions that the installed version of the package does not have."""
    known = {each.id for each in history.revisions}
    return [each.id for each in copies(scripts, history.name) if each.id not in known]


def _check(history: PackageHistory, scripts: Sequence[Script]) -> None:
    ids = {each.id: each for each in scripts}
    for revision in history.revisions:
        there = ids.get(revision.id)
        if there is not None and (there.copy_of is None or there.copy_of.package != history.name):
            raise Conflict(
                f"{APP}: {there.path} has the id {revision.id}, which is that of a revision of "
                f"{history.name}; give yours another id",
                code="revision_taken",
            )
    for revision in _holes(history, ids):
        raise Conflict(
            f"{APP}: the copy of {revision.id} is missing, though later revisions of "
            f"{history.name} are there; restore its file from your version control",
            code="revision_missing",
        )


def _holes(history: PackageHistory, ids: dict[str, Script]) -> Iterator[Revision]:
    there = [each.id in ids for each in history.revisions]
    for position, revision in enumerate(history.revisions):
        if not there[position] and any(there[position:]):
            yield revision


def _folder(app: AppHistory, scripts: Sequence[Script], down: str | None) -> Path:
    """Where the newest revision is, so that a history in several folders goes on in its own."""
    folders, _ = version_folders(app)
    newest = next((each.path for each in scripts if each.id == down), None)
    if newest is not None:
        for each in folders:
            if newest.absolute().is_relative_to(each):
                return each
    return folders[0]


def _check_paths(found: Sequence[Copy]) -> None:
    for each in found:
        if os.path.lexists(each.path):
            raise Conflict(
                f"{each.path} is there already, and is no copy of {each.revision}; move it away",
                code="revision_taken",
            )
