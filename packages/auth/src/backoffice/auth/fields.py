"""Field rules: which permission it takes to read or to write a field of a model.

A field without a rule is anybody's who may see the record. What one may not read one may not write
either, unless a rule of its own says who writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import Mapper

from backoffice.auth.permissions import parsed
from backoffice.auth.policies import mapper_of, nearest
from backoffice.auth.principals import Principal
from backoffice.core import InvalidInput, SetupError

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Rules:
    """Field to permission, of one model or schema."""

    read: dict[str, str] = field(default_factory=dict)
    write: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: "_Rules") -> "_Rules":
        return _Rules(self.read | other.read, self.write | other.write)


class FieldRules:
    """The field rules of an Auth: of models, and of the schemas that show or take their fields."""

    def __init__(self) -> None:
        self._rules: dict[type[Any], _Rules] = {}
        #: Whether schemas are told apart by them at all.
        self.has_schemas = False

    def declare(
        self,
        model: type[Any],
        read: Mapping[str, str],
        write: Mapping[str, str],
        schemas: Sequence[type[BaseModel]],
    ) -> None:
        """Take them in; SetupError for a name, a permission or a schema that will not do."""
        _check_kinds(model, schemas)
        for each in (model, *schemas):
            if each in self._rules:
                raise SetupError(
                    f"there are rules for the fields of {each.__name__} already; write them at "
                    "one place"
                )
        read, write = _checked(model, schemas, read), _checked(model, schemas, write)
        self._rules |= dict.fromkeys((model, *schemas), _Rules(read, write))
        self.has_schemas = self.has_schemas or bool(schemas)

    def knows(self, subject: type[Any]) -> bool:
        """Whether a model or schema, or one that it inherits from, has rules."""
        return any(each in self._rules for each in subject.__mro__)

    def permissions(self) -> Iterator[str]:
        """The permissions that these rules ask for."""
        for each in self._rules.values():
            yield from (*each.read.values(), *each.write.values())

    def unreadable(self, subject: type[Any], who: Principal[Any] | None) -> frozenset[str]:
        """The fields of a model or schema that somebody, or a stranger, may not read."""
        return _lacking(self._of(subject).read, who)

    def unwritable(self, subject: type[Any], who: Principal[Any] | None) -> frozenset[str]:
        """The fields of a model or schema that somebody, or a stranger, may not write."""
        rules = self._of(subject)
        # Who may not read a field is not to find out its value by writing, nor to lose it.
        return _lacking(rules.read | rules.write, who)

    def _of(self, subject: type[Any]) -> _Rules:
        found = _Rules()
        for each in reversed(subject.__mro__):
            if each in self._rules:
                found |= self._rules[each]
        return found


def _lacking(rules: Mapping[str, str], who: Principal[Any] | None) -> frozenset[str]:
    if not rules:
        return _NOTHING
    return frozenset(
        name for name, permission in rules.items() if who is None or not who.can(permission)
    )


def _check_kinds(model: type[Any], schemas: Sequence[type[BaseModel]]) -> None:
    if mapper_of(model) is None:
        raise SetupError(f"auth.fields(...) is for a class with a table, not for {model!r}")
    for each in schemas:
        if not (isinstance(each, type) and issubclass(each, BaseModel)) or each is BaseModel:
            raise SetupError(f"schemas=[...] takes classes of pydantic, not {each!r}")


def _checked(
    model: type[Any], schemas: Sequence[type[BaseModel]], rules: Mapping[str, str]
) -> dict[str, str]:
    names = {name for each in (model, *schemas) for name in _names(each)}
    mapper: Mapper[Any] = inspected(model)
    keys = {mapper.get_property_by_column(each).key for each in mapper.primary_key}
    for name, permission in rules.items():
        if name not in names:
            raise SetupError(f"{model.__name__} has no field {name!r}{nearest(name, names)}")
        if name in keys:
            raise SetupError(f"{name!r} is the key of {model.__name__}, by which it is addressed")
        try:
            parsed(permission)
        except InvalidInput as error:
            raise SetupError(f"{model.__name__}.{name}: {error.message}") from None
    return dict(rules)


def _names(subject: type[Any]) -> set[str]:
    """The fields of a schema, or the columns and relations of a model."""
    found = {*getattr(subject, "model_fields", ())}
    found |= {*getattr(subject, "model_computed_fields", ())}
    if (mapper := mapper_of(subject)) is not None:
        # Not its `attrs`, for which the models that it refers to would have to be there already.
        found |= {*mapper.class_manager}
    return found
