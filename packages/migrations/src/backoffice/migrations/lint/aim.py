"""Which database a migration is judged for: one that is asked, or a kind that is named."""

import re
from collections.abc import Callable
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path

from backoffice.core.errors import InvalidInput, SetupError, Unavailable
from backoffice.core.settings import Settings, load, urls
from backoffice.migrations.connections import file_missing, reading
from backoffice.migrations.lint.operations import OLDEST_POSTGRESQL, Target
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.project import AppHistory

_NAMED = re.compile(r"(postgresql|sqlite)(?:[:=]?(\d+(?:\.\d+)*))?")
_SQLITE = (3, 40)


@dataclass(frozen=True)
class Aim:
    """The database, and what stands in it where it was asked."""

    target: Target
    live: Schema | None = None


def aim(
    dialect: str | None, app: AppHistory | None, tell: Callable[[str], None], *, ask: bool = True
) -> Aim:
    """What is named; else BACKOFFICE_DATABASE_URL where it is set, asked for its rows; else what
    alembic.ini says; else PostgreSQL."""
    named = target_named(dialect) if dialect else None
    url = configured()
    if url is not None and ask and (found := _asked(url, tell)):
        return Aim(named or found.target, found.live if _same(named, found.target) else None)
    if named is None:
        named = target_named(_kind(url) if url else _of_ini(app) or "postgresql")
    tell(f"no database was asked: judged for {shown(named)}, tables of any size")
    return Aim(named)


def configured() -> str | None:
    """BACKOFFICE_DATABASE_URL, where somebody has set it."""
    settings = load(Settings)
    set_ = "database_url" in settings.model_fields_set
    return settings.database_url.get_secret_value() if set_ else None


def target_named(text: str) -> Target:
    """`postgresql`, `postgresql:16` or `sqlite`; InvalidInput for anything else."""
    found = _NAMED.fullmatch(text.lower())
    if found is None:
        raise InvalidInput(f"{text!r} is no dialect: say postgresql, postgresql:16 or sqlite")
    version = tuple(int(each) for each in (found[2] or "").split(".") if each)
    if found[1] == "sqlite":
        return Target("sqlite", version or _SQLITE)
    return Target("postgresql", version or OLDEST_POSTGRESQL)


def shown(target: Target) -> str:
    """The kind and version in words."""
    name = "SQLite" if target.dialect == "sqlite" else "PostgreSQL"
    return f"{name} {'.'.join(map(str, target.version))}"


def _asked(url: str, tell: Callable[[str], None]) -> Aim | None:
    from backoffice.migrations.lint.live import survey, target_of

    try:
        with reading(url) as engine:
            if file_missing(engine.url):
                return None
            with engine.connect() as connection:
                found = Aim(target_of(connection), survey(connection))
    except Unavailable as error:
        tell(f"warning: {error.message}")
        return None
    tell(f"database: {urls.shown(url)}, {shown(found.target)}")
    return found


def _same(named: Target | None, found: Target) -> bool:
    return named is None or named.dialect == found.dialect


def _kind(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql"


def _of_ini(app: AppHistory | None) -> str | None:
    """What alembic.ini's own address is of; None for its placeholder."""
    if app is None or app.ini is None:
        return None
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(app.ini, "utf-8")
    except Error as error:
        raise SetupError(f"{Path(app.ini)} cannot be read: {error}") from None
    found = re.match(
        r"(postgres(?:ql)?|sqlite)\b", parser.get("alembic", "sqlalchemy.url", fallback="")
    )
    return _kind(found[1]) if found else None
