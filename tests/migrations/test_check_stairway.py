"""What the stairway says of a revision is about the revision, and not about how it was tried."""

import pytest

from backoffice.core import SetupError
from tests.migrations.projects import Shop
from tests.migrations.test_check import ON_SQLITE, Find, find, revision, shop

__all__ = ["find", "shop"]

PAGES = 'op.create_table("page", sa.Column("id", sa.{}, primary_key=True))'


def test_a_version_table_of_another_name_is_none_of_the_revisions(shop: Shop, find: Find) -> None:
    shop.edit(
        "alembic/env.py", "target_metadata=", 'version_table="shop_version", target_metadata='
    )
    assert find("stairway", notes=True) == []


@ON_SQLITE
def test_values_that_the_app_never_writes_are_no_fault_of_a_revision(
    shop: Shop, find: Find
) -> None:
    revision(shop, PAGES.format("Text()"), 'op.drop_table("page")')
    fails = 'for page in op.get_bind().scalars(sa.text("SELECT id FROM page")): {"one": 1}[page]'
    revision(shop, fails, after="shop_2")
    revision(shop, 'op.create_index("ix_page", "page", ["id"])', after="shop_3")
    doubt, fault, *_ = find("stairway", notes=True)
    assert doubt == (
        "stairway: shop_3: the upgrade fails on rows that were made up, and not without: "
        "KeyError: '1'; give seeds"
    )
    assert "shop_4: its downgrade does not take back" in fault


@ON_SQLITE
def test_a_mistake_that_only_rows_bring_to_light_is_a_fault(shop: Shop, find: Find) -> None:
    rows = 'op.get_bind().scalars(sa.text("SELECT id FROM book"))'
    revision(shop, f"for book in {rows}: sa.ForeignKey('nowhere.id').column")
    assert "shop_2: the upgrade fails: InvalidRequestError" in find("stairway")[0]


def test_a_check_that_made_up_values_do_not_meet_is_no_fault(shop: Shop, find: Find) -> None:
    revision(shop, PAGES.format("Text()"), 'op.drop_table("page")')
    check = "with op.batch_alter_table('page') as page: page.{}"
    add = check.format("create_check_constraint('ck', \"id IN ('a', 'b')\")")
    revision(shop, add, check.format("drop_constraint('ck', type_='check')"), after="shop_2")
    assert find("stairway") == []


@pytest.mark.parametrize("kind", ["CHAR(32)", "CHAR(36)"])
def test_text_of_the_length_of_a_uuid_is_one(shop: Shop, find: Find, kind: str) -> None:
    revision(shop, PAGES.format(kind), 'op.drop_table("page")')
    ids = 'op.get_bind().scalars(sa.text("SELECT id FROM page"))'
    revision(shop, f"import uuid\nassert [uuid.UUID(each) for each in {ids}]", after="shop_2")
    assert find("stairway", notes=True) == []


def test_tables_that_refer_to_each_other_get_rows(shop: Shop, find: Find) -> None:
    revision(
        shop,
        'op.execute("CREATE TABLE author (id INTEGER PRIMARY KEY, first INTEGER)")\n'
        'op.execute("CREATE TABLE an (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES author,'
        ' UNIQUE (a))")\n'
        'with op.batch_alter_table("author") as author:\n'
        '    author.create_foreign_key("fk_first", "an", ["first"], ["a"])',
        'op.drop_column("author", "first")',
    )
    assert not [each for each in find("stairway", notes=True) if "made up" in each]


@ON_SQLITE
def test_a_file_that_cannot_be_run_is_told_in_words(shop: Shop, find: Find) -> None:
    shop.edit("alembic/versions/shop_1.py", "import sqlalchemy as sa", "import nowhere")
    with pytest.raises(SetupError, match="nowhere"):
        find("stairway")
