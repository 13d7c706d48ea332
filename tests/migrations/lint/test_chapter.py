"""docs/migrations-lint.md names every rule as it is, and no other."""

import re
from pathlib import Path

from backoffice.migrations.lint.catalogue import RULES

CHAPTER = (Path(__file__).parents[3] / "docs" / "migrations-lint.md").read_text("utf-8")


def test_every_rule_has_its_row() -> None:
    rows = re.findall(r"^\| `(BM\d+)` \| (\w+) \| (.+?) \| (yes)? ?\|$", CHAPTER, re.MULTILINE)
    assert rows == [
        (each.id, each.level, each.title, "yes" if each.fixable else "") for each in RULES.values()
    ]
