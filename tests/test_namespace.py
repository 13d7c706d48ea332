import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent.parent / "packages"

MAY_IMPORT = {
    "core": set(),
    "ratelimit": {"core"},
    "auth": {"core", "ratelimit"},
    "migrations": {"core"},
    "admin": {"core", "ratelimit", "auth"},
}

each_package = pytest.mark.parametrize("package", MAY_IMPORT)


def room(package: str) -> Path:
    return PACKAGES / package / "src" / "backoffice" / package


def imported_modules(source: Path) -> Iterator[str]:
    """Every module that the file names in an import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def neighbours(package: str) -> dict[str, set[str]]:
    """Which other packages this one imports, and the files that do."""
    found: dict[str, set[str]] = {}
    for source in room(package).parent.rglob("*.py"):
        for module in imported_modules(source):
            match module.split("."):
                case ["backoffice", other, *_] if other != package:
                    found.setdefault(other, set()).add(source.name)
    return found


def test_the_table_of_arrows_names_every_package() -> None:
    """A package that is added is guarded from its first day."""
    assert {path.parent.name for path in PACKAGES.glob("*/pyproject.toml")} == set(MAY_IMPORT)


@each_package
def test_the_namespace_belongs_to_nobody(package: str) -> None:
    """An __init__.py at its root would hide the other packages; only the own room stands there,
    and the fixtures, which are apart so that pytest finds them without importing the package."""
    names = {path.name for path in room(package).parent.iterdir()}
    assert names - {"fixtures"} == {package}
    fixtures = room(package).parent / "fixtures"
    assert [each.name for each in fixtures.glob("*.py")] in ([], [f"{package}.py"])


@each_package
def test_a_package_tells_type_checkers_that_it_is_typed(package: str) -> None:
    """PEP 561: without py.typed a user's mypy sees nothing but Any."""
    assert (room(package) / "py.typed").is_file()


@each_package
def test_arrows_point_one_way(package: str) -> None:
    """A package imports only what stands below it."""
    not_allowed = {
        other: sources
        for other, sources in neighbours(package).items()
        if other not in MAY_IMPORT[package]
    }
    assert not_allowed == {}


def test_no_two_packages_ship_the_same_path() -> None:
    """Installed together, none overwrites a file of another."""
    shipped = Counter(
        path.relative_to(source)
        for source in PACKAGES.glob("*/src")
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    assert [path for path, times in shipped.items() if times > 1] == []
