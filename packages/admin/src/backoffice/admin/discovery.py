"""Discovery: the models that an app has, for `Admin(autodiscover=True)`."""

from collections.abc import Collection, Iterator

from sqlalchemy import Table
from sqlalchemy import inspect as inspected
from sqlmodel import SQLModel

from backoffice.admin.columns import looks_secret
from backoffice.core import SetupError

_OURS = "backoffice."


def discovered(
    base: type[SQLModel], known: Collection[type[SQLModel]], exclude: Collection[type[SQLModel]]
) -> list[type[SQLModel]]:
    """The tables of `base` that are defined by now, in the order of their names.

    Those of this suite have pages already; a table that only links two others is edited with them.
    """
    for each in exclude:
        if not (isinstance(each, type) and issubclass(each, SQLModel)):
            raise SetupError(f"Admin(exclude=[...]) takes models, not {each!r}")
    left = {*known, *exclude}
    return sorted(
        (
            each
            for each in _tables(base)
            if each not in left
            and not each.__module__.startswith(_OURS)
            and not _is_link(each)
            and _is_shown(each)
        ),
        key=lambda each: (each.__name__, each.__module__),
    )


def _tables(base: type[SQLModel]) -> Iterator[type[SQLModel]]:
    for mapper in base._sa_registry.mappers:
        if issubclass(mapper.class_, base) and mapper.class_.metadata is base.metadata:
            yield mapper.class_


def _is_link(model: type[SQLModel]) -> bool:
    """Whether it holds two references and nothing else."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    columns = list(table.columns)
    return len(columns) == 2 and all(each.foreign_keys and each.primary_key for each in columns)


def _is_shown(model: type[SQLModel]) -> bool:
    """Not a table of which nothing but its key could be shown: it keeps secrets."""
    columns = [each.columns[0] for each in inspected(model).column_attrs]
    rest = [each for each in columns if not getattr(each, "primary_key", False)]
    return not rest or not all(looks_secret(each) for each in rest)
