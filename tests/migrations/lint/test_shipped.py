"""What we ship passes our own lint."""

from pathlib import Path

import pytest

from backoffice.migrations.lint.linting import lint
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.selection import named
from tests.migrations.lint.revisions import SQLITE

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(
    {*ROOT.glob("packages/*/src/backoffice/*/migrations/versions")}
    | {*ROOT.glob("example*/**/versions")}
)


@pytest.mark.parametrize("target", [Target(), SQLITE], ids=lambda target: target.dialect)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_revision_of_ours_would_hurt_nobody(folder: Path, target: Target) -> None:
    linted = lint(named(None, [folder]).files, target)
    assert linted
    assert [
        (each.where.file.name, each.where.line, each.id)
        for one in linted
        for each in one.findings
        if each.waived is None and each.level != "note"
    ] == []
