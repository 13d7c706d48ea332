"""docs/settings.md says of each variable what the code says."""

import re
from pathlib import Path

import pytest

from backoffice.core.settings.loading import registered
from backoffice.core.settings.unknown import unknown
from backoffice.core.settings.variables import NOT_SET, Standing, Variable, text

ROOT = Path(__file__).parents[2]
CHAPTER = (ROOT / "docs" / "settings.md").read_text("utf-8")


def variables() -> list[Variable]:
    return [each for found in registered()[0] for each in Standing.of(*found).variables()]


def row(variable: Variable) -> str:
    default = text(variable.default)
    cells = (
        f"`{variable.name}`",
        variable.unit or "",
        "" if default in (None, NOT_SET) else f"`{default}`",
        variable.description,
    )
    return re.sub(r" {2,}", " ", f"| {' | '.join(cells)} |")


def test_every_package_registers_its_settings() -> None:
    kinds, broken = registered()
    assert broken == []
    assert {group for group, _ in kinds} >= {"core", "ratelimit", "auth", "admin", "migrations"}


@pytest.mark.parametrize("variable", variables(), ids=lambda each: each.name)
def test_the_reference_has_each_variable_with_unit_default_and_description(
    variable: Variable,
) -> None:
    assert row(variable) in CHAPTER.splitlines()


def test_the_reference_has_no_other_variable() -> None:
    rows = re.findall(r"^\| `(BACKOFFICE_\w+)` \|", CHAPTER, re.MULTILINE)
    assert sorted(rows) == sorted(each.name for each in variables())


@pytest.mark.parametrize("variable", variables(), ids=lambda each: each.name)
def test_each_variable_is_described_and_what_is_counted_has_a_unit(variable: Variable) -> None:
    assert variable.description.endswith(".")
    counted = isinstance(variable.default, int | float) and not isinstance(variable.default, bool)
    assert variable.unit is not None or not counted


def test_every_variable_that_the_packages_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read elsewhere than by settings is declared, or doctor would warn of it."""
    sources = (ROOT / "packages").glob("*/src/**/*.py")
    written = {
        name
        for source in sources
        for name in re.findall(r"\bBACKOFFICE_[A-Z_]+", source.read_text("utf-8"))
        if not name.endswith("_")
    }
    assert len(written) >= 8
    for name in written:
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("BACKOFFICE_SECRETS_DIR")
    assert unknown(kind for _, kind in registered()[0]) == []
