"""Files of revisions, made safe where lint has found that they are not."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from tempfile import NamedTemporaryFile

from backoffice.core.errors import Unavailable
from backoffice.migrations.fixes.pieces import Left
from backoffice.migrations.fixes.revision import fixed
from backoffice.migrations.histories import PackageHistory
from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.linting import Linted
from backoffice.migrations.scripts import read_script

COPY = "it is a copy of a package's revision, which `backoffice migrate check` compares"
FOREIGN = "the file is not UTF-8"
PACKAGE = "it belongs to an installed package"


@dataclass(frozen=True)
class Mended:
    """One file: its text before and after, the lines that were made safe, and those left."""

    path: Path
    before: str
    after: str
    done: tuple[int, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    def diff(self, name: str) -> str:
        """The change as `diff -u` shows it."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(unified_diff(before, after, f"a/{name}", f"b/{name}"))

    def write(self) -> None:
        """Put the new text in the place of the old one, whole or not at all."""
        try:
            _replace(self.path, self.after.encode())
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be written: {error.strerror}") from None


def mended(found: Iterable[Linted], packages: Sequence[PackageHistory]) -> list[Mended]:
    """What to write for the revisions in which lint has found what can be fixed."""
    return [_mended(each, lines, packages) for each in found if (lines := _lines(each))]


def _lines(linted: Linted) -> list[int]:
    return sorted({each.where.line for each in linted.findings if _worth_it(each)})


def _worth_it(finding: Finding) -> bool:
    """Not what is allowed, nor what a small table has made harmless."""
    if not finding.fixable or finding.waived is not None:
        return False
    return finding.level != "note" or RULES[finding.id].level == "note"


def _mended(linted: Linted, lines: list[int], packages: Sequence[PackageHistory]) -> Mended:
    path = linted.reading.path
    try:
        before = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return Mended(path, "", "", left=tuple(Left(each, FOREIGN) for each in lines))
    if (reason := _untouchable(path, packages)) is not None:
        return Mended(path, before, before, left=tuple(Left(each, reason) for each in lines))
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    fix = fixed(before.removeprefix(mark).replace("\r\n", "\n"), lines)
    text = fix.text.replace("\n", "\r\n") if "\r\n" in before else fix.text
    after = mark + text
    return Mended(path, before, after if fix.done else before, fix.done, fix.left)


def _untouchable(path: Path, packages: Sequence[PackageHistory]) -> str | None:
    if any(path.absolute().is_relative_to(each.folder.absolute()) for each in packages):
        return PACKAGE
    script = read_script(path)
    return COPY if script is not None and script.copy_of is not None else None


def _replace(path: Path, content: bytes) -> None:
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(path.stat().st_mode & 0o777)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
