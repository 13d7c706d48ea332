"""The app's own `alembic revision --autogenerate` sees the app's tables, and no package's."""

import pytest

from backoffice.migrations import env_options, upgrade
from tests.migrations.projects import Shop

MODELS = """
import sqlalchemy as sa
from sqlmodel import Field, SQLModel
from backoffice.auth import models as accounts
from backoffice.migrations import env_options

class Book(SQLModel, table=True):
    id: int = Field(primary_key=True)
    owner_id: {owner} = Field(default=None, foreign_key="backoffice_user.id")
    {column}

target_metadata = SQLModel.metadata
"""


@pytest.fixture
def models(shop: Shop, database_url: str) -> Shop:
    """The app's models stand in one metadata with those of the package that they refer to."""
    shop.point_at(database_url)
    shop.edit("alembic/env.py", "target_metadata = None", "from models import target_metadata")
    shop.edit(
        "alembic/env.py",
        "target_metadata=target_metadata\n",
        "target_metadata=target_metadata, **env_options()\n",
    )
    shop.edit("alembic/env.py", "from alembic", "from models import env_options\nfrom alembic")
    write_models(shop, "")
    (shop.versions / "shop_1.py").unlink()
    upgrade(database_url)
    return shop


def write_models(shop: Shop, column: str) -> None:
    text = MODELS.format(owner="accounts.uuid.UUID | None", column=column)
    (shop.folder / "models.py").write_text(text)


def generated(shop: Shop, identity: str) -> list[str]:
    """The operations of a new revision, those of the downgrade too."""
    shop.alembic("revision", "--autogenerate", "--rev-id", identity, "-m", "generated")
    text = (shop.versions / f"{identity}_generated.py").read_text()
    return [line.strip() for line in text.splitlines() if line.strip().startswith("op.")]


def test_only_what_the_app_changes_is_generated(models: Shop) -> None:
    assert generated(models, "shop_1") == ["op.create_table('book',", "op.drop_table('book')"]
    models.backoffice("migrate", "up")
    assert "No new upgrade operations detected" in models.alembic("check")
    write_models(models, "pages: int | None = None")
    assert generated(models, "shop_2") == [
        "op.add_column('book', sa.Column('pages', sa.Integer(), nullable=True))",
        "op.drop_column('book', 'pages')",
    ]


def test_without_the_options_the_packages_tables_would_be_touched(models: Shop) -> None:
    models.edit("alembic/env.py", "**env_options()\n", "\n")
    said = models.alembic("check", ok=False)
    assert "'remove_table', Table('alembic_version_backoffice_auth'" in said


def test_filters_of_the_app_are_asked_about_everything_else() -> None:
    asked: list[str | None] = []

    def mine(name: str | None, kind: str, parents: object) -> bool:
        asked.append(name)
        return False

    include_name = env_options(include_name=mine)["include_name"]
    assert [include_name(name, "table", {}) for name in ("backoffice_user", "book")] == [False] * 2
    assert asked == ["book"]


def test_a_column_of_the_app_may_have_any_name() -> None:
    include_name = env_options()["include_name"]
    assert include_name("backoffice_user_id", "column", {})
    assert include_name(None, "schema", {})
