"""Files of revisions, made safe where lint has found that they are not."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from tempfile import NamedTemporaryFile

from backoffice.core.errors import Unavailable
from backoffice.migrations.fixes.pieces import Left
from backoffice.migrations.fixes.renames import contract
from backoffice.migrations.fixes.revision import fixed
from backoffice.migrations.fixes.steps import Rename
from backoffice.migrations.histories import PackageHistory
from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.linting import Linted
from backoffice.migrations.scripts import Script, ancestors, parsed_script, read_script

COPY = "it is a copy of a package's revision, which `backoffice migrate check` compares"
FOREIGN = "the file is not UTF-8"
ALONE = "its history cannot be read, at whose end the older name would be taken away"
FORKED = "more than one revision stands at the end of its history: join them first"
LATER = (
    "revision {}, which may come after it, names {} as well, of which it would find the column "
    "under both names"
)
PACKAGE = "it belongs to an installed package"


@dataclass(frozen=True)
class Mended:
    """One file: its text before and after, the lines that were made safe, and those left."""

    path: Path
    before: str
    after: str
    done: tuple[int, ...] = ()
    left: tuple[Left, ...] = ()
    renames: tuple[Rename, ...] = ()

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


def mended(
    found: Iterable[Linted], packages: Sequence[PackageHistory], scripts: Sequence[Script] = ()
) -> list[Mended]:
    """What to write for the revisions in which lint has found what can be fixed.

    `scripts` is the app's history, by default what is in the folder of a revision: one that renames
    a column gets a second one at the end of it.
    """
    mends: list[Mended] = []
    added: list[Script] = []
    for each in found:
        if lines := _lines(each):
            mend = _mended(each, lines, packages)
            if not mend.renames:
                mends.append(mend)
                continue
            line = [*(scripts or _beside(mend.path)), *added]
            one, second = _in_two(mend, line, lines)
            mends += [one, *second]
            added += [script for part in second if (script := parsed_script(part.path, part.after))]
    return mends


def _in_two(
    mend: Mended, scripts: Sequence[Script], lines: list[int]
) -> tuple[Mended, list[Mended]]:
    """The revision and the one that takes the older names away, or what keeps both from being."""
    first = next((each for each in scripts if each.path.samefile(mend.path)), None)
    if first is None:
        return _left(mend, lines, ALONE), []
    after = _descendants(first, scripts)
    heads = [each for each in after if not any(each.id in other.down for other in scripts)]
    if len(heads) != 1:
        return _left(mend, lines, FORKED), []
    before = ancestors(scripts, [first.id])
    for each in (one for one in scripts if one.id not in before):
        text = each.path.read_text("utf-8", errors="replace") if each.path.exists() else ""
        for rename in mend.renames:
            if re.search(rf"\b{re.escape(rename.table)}\b", text):
                return _left(mend, lines, LATER.format(each.id, rename.table)), []
    path = mend.path.with_name(f"{mend.path.stem}_contract.py")
    if path.exists():
        return _left(mend, lines, f"{path.name} is there already"), []
    _, text = contract(first.id, mend.renames, heads[0].id)
    ended = text.replace("\n", "\r\n") if "\r\n" in mend.before else text
    return mend, [Mended(path, "", ended)]


def _left(mend: Mended, lines: list[int], words: str) -> Mended:
    return Mended(mend.path, mend.before, mend.before, left=tuple(Left(n, words) for n in lines))


def _beside(path: Path) -> list[Script]:
    found = map(read_script, sorted(path.parent.glob("*.py")))
    return [each for each in found if each is not None]


def _descendants(first: Script, scripts: Sequence[Script]) -> list[Script]:
    """A revision and all that stand on it."""
    found, ids = [first], {first.id}
    while more := [each for each in scripts if each.id not in ids and ids & set(each.down)]:
        found += more
        ids |= {each.id for each in more}
    return found


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
    return Mended(path, before, after if fix.done else before, fix.done, fix.left, fix.renames)


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
            Path(file.name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
