"""What `backoffice migrate lint --fix` writes, and says of it."""

from collections.abc import Sequence
from pathlib import Path

from backoffice.core.command import Command
from backoffice.migrations.fixes.files import Mended, mended
from backoffice.migrations.histories import installed
from backoffice.migrations.lint.linting import Linted
from backoffice.migrations.lint.reports import shown
from backoffice.migrations.project import app_history
from backoffice.migrations.scripts import app_scripts


def fix(command: Command, found: Sequence[Linted], folder: Path) -> bool:
    """Rewrite what can be made safe, or show how under --dry-run; whether anything changed."""
    app = app_history()
    mends = mended(found, installed(), app_scripts(app) if app is not None else ())
    changed = [each for each in mends if each.changed]
    if command.dry_run:
        _show(command, mends, folder)
    else:
        for each in changed:
            each.write()
            lines = ", ".join(map(str, each.done))
            told = f"fixed {shown(each.path, folder)}: line {lines}"
            command.say(told if each.before else f"wrote {shown(each.path, folder)}")
    for each in mends:
        for left in each.left:
            command.say(f"not fixed {shown(each.path, folder)}:{left.line}: {left.words}")
    return bool(changed)


def _show(command: Command, mends: Sequence[Mended], folder: Path) -> None:
    diffs = {shown(each.path, folder): each for each in mends}
    rows = [
        {
            "file": name,
            "fixed": list(each.done),
            "left": [{"line": left.line, "words": left.words} for left in each.left],
            "diff": each.diff(name),
        }
        for name, each in diffs.items()
    ]
    text = "".join(str(row["diff"]) for row in rows)
    command.give({"fixes": rows}, text.rstrip("\n") or "nothing to fix")
