"""pytest runs the checks of a history as tests, where a test asks for them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.migrations.conftest import MakeShop
from tests.migrations.test_check import BOOK, downgrade, models

pytest_plugins = ["pytester"]

TEST = "def test_migrations(backoffice_migration_check): backoffice_migration_check()"


@pytest.fixture
def history(
    make_shop: MakeShop, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with a history that is right, and a test of it."""
    shop = make_shop("sqlite://")
    models(shop, BOOK.format(more=""))
    downgrade(shop, "shop_1", 'op.drop_table("book")')
    monkeypatch.chdir(shop.folder)
    pytester.makepyfile(TEST)
    return shop.folder


def ran(pytester: pytest.Pytester, history: Path) -> pytest.RunResult:
    pytester.makeini("[pytest]\naddopts = -p no:asyncio -p no:cacheprovider")
    return pytester.runpytest_inprocess(str(pytester.path), f"--rootdir={pytester.path}", "-v")


def test_each_check_is_a_test(history: Path, pytester: pytest.Pytester) -> None:
    done = ran(pytester, history)
    done.assert_outcomes(passed=4)
    done.stdout.fnmatch_lines(["*test_migrations[[]stairway] PASSED*"])


def test_what_is_wrong_fails_that_check_alone_and_is_told(
    history: Path, pytester: pytest.Pytester
) -> None:
    file = history / "alembic" / "versions" / "shop_1.py"
    file.write_text(file.read_text().replace('op.drop_table("book")', "pass"))
    done = ran(pytester, history)
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(["*stairway: shop_1: its downgrade does not take back*table book*"])


def test_seeds_are_those_of_the_conftest(history: Path, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
import pytest

@pytest.fixture
def backoffice_migrations_seeds():
    def seeds(connection, revision):
        raise ZeroDivisionError(f"seeds at {revision}")
    return seeds
"""
    )
    done = ran(pytester, history)
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(["*seeds at shop_1*"])


def test_it_imports_nothing_where_nobody_asks() -> None:
    program = (
        "import sys, backoffice.fixtures.migrations; "
        "assert not {'alembic', 'sqlalchemy', 'backoffice.migrations'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
