"""`backoffice migrate check`, as it is typed."""

from pathlib import Path

import pytest

from tests.migrations.answers import Type
from tests.migrations.projects import Shop
from tests.migrations.test_check import BOOK, downgrade, models

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
def check(shop: Shop, typed: Type, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types it in the folder of an app whose second revision does not undo what it does."""
    models(shop, BOOK.format(more=', sa.Column("title", sa.String(9))'))
    downgrade(shop, "shop_1", 'op.drop_table("book")')
    shop.revision("shop_2", "shop_1", 'op.add_column("book", sa.Column("title", sa.String(9)))')
    downgrade(shop, "shop_2", "pass")
    monkeypatch.chdir(shop.folder)
    (shop.folder / "pyproject.toml").touch()
    return lambda *arguments: typed(
        "migrate", "check", "--skip", "packages", "--skip", "pending", *arguments
    )


def test_a_fault_is_told_on_stderr_and_ends_with_1(check: Type) -> None:
    answer = check()
    assert (answer.code, answer.out) == (1, "")
    assert "stairway: shop_2: its downgrade does not take back what it did" in answer.err


def test_a_program_gets_what_was_found(check: Type) -> None:
    found = check("--json", "--only", "stairway").data
    assert {(each["check"], each["revision"], each["note"]) for each in found} == {
        ("stairway", "shop_2", False)
    }


def test_what_is_older_or_left_out_is_no_fault(check: Type) -> None:
    assert check("--since", "shop_2").code == 0
    assert check("--skip", "stairway").code == 0
    assert check("--only", "heads", "--only", "models").code == 0


def test_seeds_are_imported_from_the_folder(check: Type, shop: Shop) -> None:
    (shop.folder / "seeding.py").write_text(
        "def put(connection, revision): raise OSError(revision)"
    )
    answer = check("--seeds", "seeding:put")
    assert (answer.code, answer.err.splitlines()[-1]) == (1, "error: OSError: shop_1")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "all"], "there is no check all; there are heads, packages"),
        (["--since", "lost"], "no revision 'lost'"),
        (["--seeds", "nowhere:put"], "--seeds nowhere:put cannot be imported"),
        (["--seeds", "json:__name__"], "must be a function"),
        (["--seeds", "json"], "cannot be imported"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(
    check: Type, arguments: list[str], told: str, tmp_path: Path
) -> None:
    answer = check(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err


def test_an_app_that_is_right_ends_with_0(check: Type, shop: Shop, typed: Type) -> None:
    path = shop.versions / "shop_2.py"
    path.write_text(path.read_text().replace("    pass\n", '    op.drop_column("book", "title")\n'))
    typed("migrate", "up")
    answer = check()
    assert (answer.code, answer.out) == (0, ""), answer.err
