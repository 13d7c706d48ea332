"""Many revisions become one that does the same, under the id at which databases are."""

import ast
from pathlib import Path

import pytest

from backoffice.core import Conflict
from backoffice.migrations import upgrade
from backoffice.migrations.scripts import Script, app_scripts, read_script
from backoffice.migrations.squashing import render, stretches, write
from tests.migrations.answers import Type
from tests.migrations.projects import Look, Shop, create_table
from tests.migrations.test_commands import backoffice, site

__all__ = ["backoffice", "site"]

SEEDED = '''
text = """first
    second, indented
"""
author = sa.table("author", sa.column("id"), sa.column("told"))
op.execute(sa.insert(author).values(id=1, told=text))
'''


@pytest.fixture
def shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """With tables, rows, a helper of its own in one file, and a later change."""
    monkeypatch.chdir(shop.folder)
    told = 'op.create_table("author", sa.Column("id", sa.Integer()), sa.Column("told", sa.Text()))'
    shop.revision("shop_2", "shop_1", told)
    shop.revision("shop_3", "shop_2", SEEDED)
    shop.revision("shop_4", "shop_3", 'op.add_column("book", sa.Column(NAME, sa.String(9)))')
    shop.edit("alembic/versions/shop_4.py", "def upgrade", 'NAME = "name"\n\n\ndef upgrade')
    return shop


def whole(look: Look) -> list[object]:
    """All that the app's history has made."""
    look.execute("INSERT INTO book (id, name) VALUES (1, 'Dune')")
    return [
        sorted(look.tables() & {"author", "book", "alembic_version"}),
        *(look.rows(f"SELECT * FROM {name}") for name in ("book", "author", "alembic_version")),
    ]


def test_an_empty_database_gets_the_same_by_one_file(
    shop: Shop, backoffice: Type, look: Look, database_url: str
) -> None:
    answer = backoffice("migrate", "squash", "--yes", "--json")
    assert answer.data["squashed"] == [
        {"revision": "shop_4", "squashed": ["shop_1", "shop_2", "shop_3"]}
    ]
    assert [each.name for each in shop.versions.glob("*.py")] == ["shop_4.py"]
    applied = upgrade(database_url, shop.history, histories=[])
    assert [each.revision for each in applied] == ["shop_4"]
    assert whole(look) == [
        ["alembic_version", "author", "book"],
        [(1, "Dune")],
        [(1, "first\n        second, indented\n    ")],
        [("shop_4",)],
    ]


def test_a_database_at_the_head_needs_nothing(shop: Shop, backoffice: Type, look: Look) -> None:
    backoffice("migrate", "up")
    backoffice("migrate", "squash", "--yes")
    assert backoffice("migrate", "up").out == "already at the present\n"
    shop.revision("shop_5", "shop_4", create_table("later"))
    assert backoffice("migrate", "up").out == "applied 1\n"
    assert "(head)" in shop.alembic("history")


def test_a_database_in_the_midst_is_told_the_way(
    shop: Shop, backoffice: Type, look: Look, database_url: str
) -> None:
    upgrade(database_url, shop.history, histories=[])
    look.execute("UPDATE alembic_version SET version_num = 'shop_2'")
    refused = backoffice("migrate", "squash", "--yes")
    assert (refused.code, "migrate up" in refused.err) == (5, True)
    look.execute("UPDATE alembic_version SET version_num = 'shop_4'")
    backoffice("migrate", "squash", "--yes")
    look.execute("UPDATE alembic_version SET version_num = 'shop_2'")
    for verb in ("up", "plan"):
        refused = backoffice("migrate", verb)
        assert refused.code == 5
        assert "shop_2, which was squashed into shop_4" in refused.err


def test_it_is_asked_and_a_dry_run_changes_nothing(shop: Shop, backoffice: Type) -> None:
    before = {each.name: each.read_text() for each in shop.versions.glob("*.py")}
    assert backoffice("migrate", "squash").code == 2
    answer = backoffice("migrate", "squash", "--dry-run")
    assert (answer.code, "shop_1.py goes" in answer.err) == (3, True)
    assert {each.name: each.read_text() for each in shop.versions.glob("*.py")} == before


def test_up_to_a_revision_the_later_stay(shop: Shop, backoffice: Type) -> None:
    backoffice("migrate", "squash", "shop_3", "--yes")
    assert sorted(each.name for each in shop.versions.glob("*.py")) == ["shop_3.py", "shop_4.py"]
    assert backoffice("migrate", "up").code == 0
    assert backoffice("migrate", "squash", "nowhere", "--yes").code == 4


def test_what_was_squashed_can_be_undone(shop: Shop, backoffice: Type, look: Look) -> None:
    for name, undone in (
        ("shop_1", 'op.drop_table("book")'),
        ("shop_2", 'op.drop_table("author")'),
        ("shop_3", "pass"),
        ("shop_4", "pass"),
    ):
        shop.edit(f"alembic/versions/{name}.py", f"op.drop_table('{name}')", undone)
    backoffice("migrate", "squash", "--yes")
    backoffice("migrate", "up")
    assert backoffice("migrate", "down", "--yes").out == "undone 1\n"
    assert not look.tables() & {"author", "book"}


def test_one_that_was_killed_is_brought_to_its_end(shop: Shop, backoffice: Type) -> None:
    kept = (shop.versions / "shop_2.py").read_text()
    backoffice("migrate", "squash", "--yes")
    (shop.versions / "shop_2.py").write_text(kept)
    backoffice("migrate", "squash", "--yes")
    assert [each.name for each in shop.versions.glob("*.py")] == ["shop_4.py"]


def test_copies_of_packages_stay_and_cut_the_line(shop: Shop) -> None:
    copy = "# Copied by `backoffice migrate sync` from auth 1.0.\n# sha256 of the original: "
    path = shop.versions / "shop_3.py"
    marked = f"{copy}{'a' * 64}\nimport sqlalchemy"
    path.write_text(path.read_text().replace("import sqlalchemy", marked, 1))
    shop.revision("shop_5", "shop_4")
    found = stretches(app_scripts(shop.history))
    assert [[each.id for each in some.scripts] for some in found] == [
        ["shop_1", "shop_2"],
        ["shop_4", "shop_5"],
    ]
    for each in found:
        write(each, render(each))
    after = {each.id: each.down for each in app_scripts(shop.history)}
    assert after == {"shop_2": (), "shop_3": ("shop_2",), "shop_5": ("shop_3",)}


def test_what_they_depend_on_is_kept(shop: Shop) -> None:
    shop.edit(
        "alembic/versions/shop_3.py", "down_revision", "depends_on = 'other_1'\ndown_revision"
    )
    shop.revision("other_1", None)
    copy = "# Copied by `backoffice migrate sync` from auth 1.0.\n# sha256 of the original: "
    shop.edit(
        "alembic/versions/other_1.py", "import sqlalchemy", f"{copy}{'a' * 64}\nimport sqlalchemy"
    )
    [found] = stretches(app_scripts(shop.history), "shop_4")
    write(found, render(found))
    assert one(found.last.path).depends_on == ("other_1",)


def test_a_page_break_moves_no_line(shop: Shop) -> None:
    shop.edit("alembic/versions/shop_3.py", "import sqlalchemy", "\f\nimport sqlalchemy")
    [found] = stretches(app_scripts(shop.history))
    write(found, render(found))
    text = found.last.path.read_text()
    assert '"""first\n        second, indented\n    """' in text
    ast.parse(text)


def test_a_file_that_is_no_python_is_refused(shop: Shop, backoffice: Type) -> None:
    shop.edit("alembic/versions/shop_2.py", "def downgrade():", "def downgrade(")
    refused = backoffice("migrate", "squash", "--yes")
    assert (refused.code, "shop_2.py cannot be read" in refused.err) == (2, True)


def test_branches_that_meet_are_flattened_and_others_refused(shop: Shop) -> None:
    shop.revision("shop_3b", "shop_2", create_table("other"))
    with pytest.raises(Conflict, match="shop_3b stands on shop_2"):
        stretches(app_scripts(shop.history), "shop_4")
    merged = shop.versions / "shop_5.py"
    shop.revision("shop_5", "shop_4")
    merged.write_text(merged.read_text().replace("'shop_4'", "('shop_4', 'shop_3b')"))
    [found] = stretches(app_scripts(shop.history))
    assert {each.id for each in found.gone} == {"shop_1", "shop_2", "shop_3", "shop_3b", "shop_4"}
    write(found, render(found))
    assert one(merged).squashes == tuple(each.id for each in found.gone)


def one(path: Path) -> Script:
    found = read_script(path)
    assert found is not None
    return found
