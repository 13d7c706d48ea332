"""`Allowed[Schema]`: a body with what its sender may write, an answer with what one may read.

    async def change(book: Book, changes: Allowed[BookChanges]) -> Allowed[BookShown]: ...

A body that writes a field which its sender may not write is refused: 403 `field_not_permitted`,
naming the field. From an answer, what its reader may not read is left out. Both hold for schemas
within schemas too. The rules are those of `auth.fields(..., schemas=[...])`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
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
    if isinstance(body, BaseModel):
        yield type(body), frozenset(body.model_fields_set)
        for name in body.model_fields_set:
            yield from _written(getattr(body, name))
    elif isinstance(body, Mapping):
        for each in body.values():
            yield from _written(each)
    elif isinstance(body, list | tuple | set | frozenset):
        for each in body:
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
        """Take out of what is shown of a value all that is hidden of it."""
        if isinstance(value, RootModel):
            self.strip(value.root, shown)
        elif isinstance(value, BaseModel):
            self._strip_schema(value, shown)
        elif isinstance(value, Mapping) and isinstance(shown, dict):
            for one, other in zip(value.values(), shown.values(), strict=False):
                self.strip(one, other)
        elif isinstance(value, list | tuple) and isinstance(shown, list | tuple):
            for one, other in zip(value, shown, strict=False):
                self.strip(one, other)

    def _strip_schema(self, value: BaseModel, shown: Any) -> None:
        hidden = self._hidden(type(value))
        if not isinstance(shown, dict):
            if hidden:
                raise SetupError(
                    f"{type(value).__name__} is not shown by its fields, of which some are hidden"
                )
            return
        for name, key in _keys(type(value), self._by_alias):
            if name in hidden:
                shown.pop(key, None)
            elif key in shown:
                self.strip(getattr(value, name), shown[key])

    def _hidden(self, kind: type[Any]) -> frozenset[str]:
        if kind not in self.seen:
            self.seen[kind] = self.rules.unreadable(kind, self._who)
        return self.seen[kind]


@lru_cache(maxsize=1024)
def _keys(kind: type[BaseModel], by_alias: bool) -> tuple[tuple[str, str], ...]:
    """Each field of a schema, with the key that it is shown by."""
    fields: dict[str, Any] = {**kind.model_fields, **kind.model_computed_fields}
    if not by_alias:
        return tuple((name, name) for name in fields)
    return tuple(
        (name, getattr(each, "serialization_alias", None) or each.alias or name)
        for name, each in fields.items()
    )
