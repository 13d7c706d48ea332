"""Veils: a record as it is to whoever may not read all of it, nor all that it is related to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from inspect import getattr_static
from typing import Any

from sqlalchemy import inspect as inspected
from sqlalchemy.ext.associationproxy import AssociationProxy
from sqlalchemy.orm import Mapper, QueryableAttribute
from sqlmodel import SQLModel

#: What every record can do, such as to give all of its fields at once.
_OF_ALL = frozenset(dir(SQLModel))
#: What a class has for its `__str__` that has none of its own: all fields, or none.
PLAIN = (SQLModel.__str__, object.__str__)


class Hidden(Exception):
    """What is made of a record would tell what its reader may not know."""


@dataclass(frozen=True)
class Veil:
    """What may not be read of related records: some fields, and some of them, by `id`, at all."""

    hidden: frozenset[str] = frozenset()
    unseen: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether it hides anything."""
        return bool(self.hidden or self.unseen)

    def over(self, record: Any) -> "Veiled":
        """The record to look at; Hidden if that may not be."""
        if id(record) in self.unseen:
            raise Hidden
        return Veiled(record, self.hidden)

    def over_all(self, records: Collection[Any]) -> Any:
        """Those of several that may be looked at."""
        if isinstance(records, Mapping):
            seen = {key: each for key, each in records.items() if id(each) not in self.unseen}
            return {key: self.over(each) for key, each in seen.items()}
        return [self.over(each) for each in records if id(each) not in self.unseen]


class Veiled:
    """A stand-in for a record: what is read through it is nothing that is hidden.

    Relationships are hidden but those that a veil is given for. What the class itself makes of a
    record (properties, methods, proxies) reads through the stand-in, too.
    """

    def __init__(
        self, record: Any, hidden: Collection[str], related: Mapping[str, Veil] | None = None
    ) -> None:
        self._record = record
        self._kind: type[Any] = type(record)
        self._hidden = hidden
        self._related = related or {}

    @property  # type: ignore[misc]  # so that `isinstance` and `super()` find what they look for
    def __class__(self) -> type[Any]:
        return self._kind

    def __str__(self) -> str:
        own: Any = self._kind.__str__
        if own in PLAIN:
            raise Hidden
        return str(own(self))

    def __getattr__(self, name: str) -> Any:
        if name in self._hidden or name.startswith(("_", "model_")):
            raise Hidden
        own = getattr_static(self._kind, name, None)
        if isinstance(own, AssociationProxy):
            return self._through(own)
        if hasattr(type(own), "__get__") and not isinstance(own, QueryableAttribute):
            if name in _OF_ALL:
                raise Hidden
            return own.__get__(self, self._kind)
        mapper: Mapper[Any] | None = inspected(self._kind, raiseerr=False)
        if mapper is not None and name in mapper.synonyms:
            return getattr(self, mapper.synonyms[name].name)
        if mapper is not None:
            self._check(mapper, name)
        found = getattr(self._record, name)
        if name in self._related and found is not None:
            veil = self._related[name]
            several = isinstance(found, list | set | tuple | dict)
            return veil.over_all(found) if several else veil.over(found)
        if callable(found) or isinstance(found, SQLModel):
            raise Hidden
        return found

    def _check(self, mapper: Mapper[Any], name: str) -> None:
        """Hidden where the attribute is made of others, and one of those is hidden."""
        made_of: set[str] = set()
        if name in mapper.relationships:
            if name not in self._related:
                raise Hidden
            columns = mapper.relationships[name].local_columns
            made_of = {mapper.get_property_by_column(each).key for each in columns}
        elif name in mapper.composites:
            made_of = {each.key for each in mapper.composites[name].props}
        if not made_of.isdisjoint(self._hidden):
            raise Hidden

    def _through(self, proxy: AssociationProxy[Any]) -> Any:
        found = getattr(self, proxy.target_collection)
        if isinstance(found, dict):
            return {key: getattr(each, proxy.value_attr) for key, each in found.items()}
        if isinstance(found, list):
            return [getattr(each, proxy.value_attr) for each in found]
        return None if found is None else getattr(found, proxy.value_attr)
