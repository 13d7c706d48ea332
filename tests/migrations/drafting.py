"""An app whose revisions are made from its models."""

import importlib
import sys
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from backoffice.migrations import upgrade
from backoffice.migrations.drafts.draft import Draft, compared
from backoffice.migrations.drafts.wishes import Ask, Wishes, backfills, nobody, renames
from tests.migrations.projects import Look, Shop

HEAD = """
import enum
import uuid
from datetime import datetime
from typing import Optional

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from sqlmodel import Field, SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=CONVENTION)

class Model(SQLModel, registry=registry(metadata=Base.metadata)):
    pass

"""


@dataclass
class Desk:
    """A project with models, a history and a database."""

    shop: Shop
    look: Look

    def models(self, text: str, head: str = HEAD) -> None:
        """Have these models from now on."""
        (self.shop.folder / "models.py").write_text(
            f"{head}{dedent(text)}\ntarget_metadata = Base.metadata\n"
        )

    def make(
        self,
        *,
        rename: tuple[str, ...] = (),
        backfill: tuple[str, ...] = (),
        guess: bool = True,
        plain: bool = False,
        ask: Ask = nobody,
        message: str | None = None,
    ) -> Draft | None:
        """What `backoffice migrate make` writes; nothing where nothing differs."""
        sys.modules.pop("models", None)
        importlib.invalidate_caches()
        wishes = Wishes(renames(rename), backfills(backfill), guess=guess, ask=ask)
        made = compared(self.shop.history, self.shop.url, wishes, message=message, plain=plain)
        if made is not None:
            made.write()
        return made

    def up(self, **options: Any) -> str:
        """Make a revision and run it; a second one would be empty."""
        made = self.make(**options)
        assert made is not None
        self.run()
        again = self.make()
        assert again is None, again.text
        return made.text

    def run(self) -> None:
        """What `backoffice migrate up` does."""
        upgrade(self.shop.url, self.shop.history, histories=[])

    def down(self, **attributes: Any) -> None:
        """What `alembic downgrade -1` does, in this process."""
        self._alembic("downgrade", "-1", attributes)

    def up_again(self, **attributes: Any) -> None:
        """What `alembic upgrade head` does, in this process."""
        self._alembic("upgrade", "head", attributes)

    def stairs(self, **options: Any) -> str:
        """Make a revision that goes up, down and up again."""
        text = self.up(**options)
        self.down()
        self.up_again()
        sys.modules.pop("models", None)
        assert self.make() is None
        return text

    @property
    def head(self) -> str:
        """The newest revision of the history."""
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        (head,) = ScriptDirectory.from_config(Config(str(self.shop.history.ini))).get_heads()
        return head

    def _alembic(self, verb: str, where: str, attributes: dict[str, Any]) -> None:
        from alembic import command
        from alembic.config import Config

        sys.modules.pop("models", None)
        config = Config(str(self.shop.history.ini), attributes=attributes)
        getattr(command, verb)(config, where)
