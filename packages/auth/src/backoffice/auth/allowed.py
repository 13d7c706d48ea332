"""`Allowed[Schema]`: a body with what its sender may write, an answer with what one may read.

    async def change(book: Book, changes: Allowed[BookChanges]) -> Allowed[BookShown]: ...

A body that writes a field which its sender may not write is refused: 403 `field_not_permitted`,
naming the field. From an answer, what its reader may not read is left out. Both hold for schemas
within schemas too. The rules are those of `auth.fields(..., schemas=[...])`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from functools import lru_cache
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import params
from pydantic import BaseModel, GetCoreSchemaHandler, RootModel, SerializerFunctionWrapHandler
from pydantic_core import core_schema
from starlette.requests import HTTPConnection

from backoffice.auth import refusals
from backoffice.auth.fields import FieldRules
from backoffice.auth.principals import Principal
from backoffice.auth.services import Services
from backoffice.core import Forbidden, SetupError
from backoffice.core.singletons import running

Schema = TypeVar("Schema")
#: Whose answer is being made. FastAPI hands a serialiser nothing of the request.
_reader: ContextVar[tuple[FieldRules, Principal[Any] | None] | None] = ContextVar(
    "backoffice_reader", default=None
)
#: Where FastAPI keeps what is done when a request ends.
_ENDING = "fastapi_inner_astack"


def begin_reading(
    connection: HTTPConnection, rules: FieldRules, who: Principal[Any] | None
) -> None:
    """Have the answer to this request hide what this caller may not read.

    Until the request ends: one that this one sends to the app itself, within the same task, has
    a caller of its own.
    """
    ending = connection.scope.get(_ENDING)
    if ending is not None:
        ending.callback(_reader.reset, _reader.set((rules, who)))


class _Readable:
    """Leaves fields out of an answer, for pydantic."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        found = handler(source)
        # As pydantic's own WrapSerializer does, but that it would take the answer for anything.
        found["serialization"] = core_schema.wrap_serializer_function_ser_schema(  # type: ignore[index]
            _without_hidden, info_arg=True
        )
        return found


class _Writable:
    """Takes a body, and refuses what its sender may not write; a dependency of FastAPI."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self.__signature__ = Signature(
            [
                Parameter("connection", Parameter.KEYWORD_ONLY, annotation=HTTPConnection),
                Parameter("body", Parameter.KEYWORD_ONLY, annotation=schema),
            ]
        )

    async def __call__(self, connection: HTTPConnection, body: Any) -> Any:
        """The body."""
        written = list(_written(body))
        if not written:
            return body
        services = _knowing(connection, [kind for kind, _ in written])
        resolution = await services.resolver.resolution(connection)
        who = resolution.principal
        refused = sorted(
            {
                name
                for kind, sent in written
                for name in sent & services.fields.unwritable(kind, who)
            }
        )
        if not refused:
            return body
        if who is None:
            raise resolution.error or services.resolver.nobody(connection, resolution)
        refusal = Forbidden(
            f"You may not write {', '.join(refused)}: leave it out.",
            code="field_not_permitted",
            fields=refused,
        )
        refusals.note(connection, refusal, who)
        raise refusal


if TYPE_CHECKING:
    Allowed = Annotated[Schema, _Readable()]
else:

    class Allowed:
        """A body or an answer with what the caller may write or read: `Allowed[BookShown]`."""

        def __class_getitem__(cls, schema: Any) -> Any:
            """The schema itself, for pydantic and for the eye of a type checker."""
            return Annotated[schema, _Readable(), params.Depends(_Writable(schema))]


def _knowing(connection: HTTPConnection, kinds: list[type[Any]]) -> Services:
    """The services, of those that run in this app, whose rules are about one of these schemas."""
    for each in running(connection).values.values():
        if isinstance(each, Services) and any(map(each.fields.knows, kinds)):
            return each
    raise SetupError(_undeclared(kinds))


def _undeclared(kinds: Iterable[type[Any]]) -> str:
    names = ", ".join(sorted({each.__name__ for each in kinds}))
    return (
        f"Allowed[...] of {names}: no rules are about it; name it in "
        "auth.fields(Model, ..., schemas=[...])"
    )


def _written(body: Any) -> Iterator[tuple[type[Any], frozenset[str]]]:
    """Each schema in a body, with the fields that it was sent."""
    inner: Iterable[Any] = ()
    if isinstance(body, BaseModel):
        yield type(body), frozenset(body.model_fields_set)
        inner = [getattr(body, name) for name in body.model_fields_set]
    elif is_dataclass(body):
        yield type(body), frozenset()
        inner = _parts(body).values()
    elif isinstance(body, Mapping):
        inner = body.values()
    elif isinstance(body, Iterator):
        raise SetupError("Allowed[...] takes no Iterable[...] as a body: write list[...]")
    elif isinstance(body, Collection) and not isinstance(body, str | bytes):
        inner = body
    for each in inner:
        yield from _written(each)


def _without_hidden(value: Any, handler: SerializerFunctionWrapHandler, info: Any) -> Any:
    reader = _reader.get()
    if reader is None:
        raise SetupError(
            "Allowed[...] answers a caller by rules: guard the route by auth.require(...), or by "
            "auth.optional() if strangers may call it too, and name the schema in "
            "auth.fields(Model, ..., schemas=[...])"
        )
    shown = handler(value)
    view = _View(*reader, by_alias=bool(info.by_alias))
    view.strip(value, shown)
    if view.seen and not any(map(view.rules.knows, view.seen)):
        raise SetupError(_undeclared(view.seen))
    return shown


class _View:
    """How one caller sees the schemas of an answer."""

    def __init__(self, rules: FieldRules, who: Principal[Any] | None, *, by_alias: bool) -> None:
        self.rules = rules
        self._who = who
        self._by_alias = by_alias
        #: The schemas met, with what is hidden of each.
        self.seen: dict[type[Any], frozenset[str]] = {}

    def strip(self, value: Any, shown: Any) -> None:
        """Take out of what is shown of a value all that is hidden of it.

        SetupError where it cannot be told which part is which: what is shown may be hidden.
        """
        if not isinstance(shown, dict | list | tuple) or not shown:
            if isinstance(value, BaseModel) and shown != {} and self._hidden(type(value)):
                raise _untold(value)
        elif isinstance(value, RootModel):
            self.strip(value.root, shown)
        elif isinstance(value, BaseModel) and isinstance(shown, dict):
            self._strip_schema(value, shown)
        elif is_dataclass(value) and isinstance(shown, dict):
            self._strip_named(value, _parts(value), shown)
        elif isinstance(value, Mapping) and isinstance(shown, dict):
            self._strip_mapping(value, shown)
        elif isinstance(value, BaseModel | Mapping | Iterator) or is_dataclass(value):
            raise _untold(value)
        elif isinstance(value, Collection) and not isinstance(shown, dict):
            self._strip_each(value, value, shown)

    def _strip_schema(self, value: BaseModel, shown: dict[str, Any]) -> None:
        kind, hidden = type(value), self._hidden(type(value))
        names = _names(kind, self._by_alias)
        extra = value.model_extra or {}
        for key in list(shown):
            name = names.get(key, key)
            if key not in names and key not in extra:
                # What a serialiser of its own has made, of which fields nobody can tell.
                if self.rules.knows(kind) or isinstance(shown[key], dict | list | tuple):
                    raise _untold(value)
            elif name in hidden:
                del shown[key]
            elif isinstance(shown[key], dict | list | tuple):
                self.strip(extra[key] if key not in names else getattr(value, name), shown[key])

    def _strip_mapping(self, value: Mapping[Any, Any], shown: dict[Any, Any]) -> None:
        if all(isinstance(each, str) for each in value):
            self._strip_named(value, value, shown)
        else:
            self._strip_each(value, value.values(), shown.values())

    def _strip_named(self, whole: Any, parts: Mapping[str, Any], shown: dict[str, Any]) -> None:
        for key, part in shown.items():
            if key in parts:
                self.strip(parts[key], part)
            elif isinstance(part, dict | list | tuple):
                raise _untold(whole)

    def _strip_each(self, whole: Any, parts: Collection[Any], shown: Collection[Any]) -> None:
        if len(parts) == len(shown):
            for one, other in zip(parts, shown, strict=True):
                self.strip(one, other)
        elif any(isinstance(each, dict | list | tuple) for each in shown):
            raise _untold(whole)

    def _hidden(self, kind: type[Any]) -> frozenset[str]:
        if kind not in self.seen:
            self.seen[kind] = self.rules.unreadable(kind, self._who)
        return self.seen[kind]


def _parts(value: Any) -> dict[str, Any]:
    """The fields of a dataclass."""
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _untold(value: Any) -> SetupError:
    return SetupError(
        f"Allowed[...] of {type(value).__name__}: what is shown of it cannot be told from what is "
        "hidden; show schemas by their fields, in lists and dicts of which none are left out"
    )


@lru_cache(maxsize=1024)
def _names(kind: type[BaseModel], by_alias: bool) -> dict[str, str]:
    """Each key that a field of a schema may be shown by, with the name of the field.

    Pydantic shows an object of a class that inherits as the schema says that the route names.
    """
    found: dict[str, str] = {}
    for each in kind.__mro__:
        if issubclass(each, BaseModel):
            for keyed in (by_alias, not by_alias):
                for name, key in _keys(each, keyed):
                    found.setdefault(key, name)
    return found


def _keys(kind: type[BaseModel], by_alias: bool) -> Iterator[tuple[str, str]]:
    known: dict[str, Any] = {**kind.model_fields, **kind.model_computed_fields}
    for name, each in known.items():
        alias = getattr(each, "serialization_alias", None) or each.alias
        yield name, alias if by_alias and alias else name
