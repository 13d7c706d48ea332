"""The settings as they stand: what each variable holds, shown without secrets, and where from."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from pydantic_core import PydanticUndefined, to_jsonable_python
from pydantic_settings import BaseSettings

from backoffice.core.dependencies import declared
from backoffice.core.redaction import redacted
from backoffice.core.settings import urls
from backoffice.core.settings.faults import Fault
from backoffice.core.settings.fields import URL, is_secret, names, secret_name, unit
from backoffice.core.settings.loading import attempt
from backoffice.core.settings.sources import held
from backoffice.core.singletons import Run, plan

DEFAULT, IN_CODE = "default", "code"
SET, NOT_SET = "set", "not set"


@dataclass(frozen=True)
class Variable:
    """One setting; of a secret, the value and the default say only whether it is set."""

    name: str
    group: str
    value: Any
    unit: str | None
    default: Any
    source: str
    secret: bool
    description: str
    fault: str | None


@dataclass(frozen=True)
class Standing:
    """The settings of a class: in `used` as a running app has them, in `read` as they are read.

    Each is None where there is none; `held` is what the sources hold, the first that counts in
    front.
    """

    group: str
    kind: type[BaseSettings]
    used: BaseSettings | None
    read: BaseSettings | None
    faults: Sequence[Fault]
    #: As written, secrets and all.
    held: Sequence[tuple[str, dict[str, Any]]] = dataclass_field(repr=False)

    @classmethod
    def of(
        cls, group: str, kind: type[BaseSettings], used: BaseSettings | None = None
    ) -> "Standing":
        """How that class stands now; what is wrong outside does not count where code gave it."""
        try:
            read, faults = attempt(kind)
            sources = list(held(kind))
        except Exception as error:  # noqa: BLE001 - a class of the app may raise what it likes
            read, sources = None, []
            faults = [Fault(kind.__name__, f"cannot be made: {type(error).__name__}")]
        return cls(group, kind, used, read, [] if used else faults, sources)

    def variables(self) -> list[Variable]:
        """Every setting of the class."""
        return [self._variable(field) for field in self.kind.model_fields]

    def _variable(self, field: str) -> Variable:
        name = names(self.kind, field)[0]
        description = self.kind.model_fields[field].description or ""
        return Variable(
            name=name,
            group=self.group,
            value=self._value(field),
            unit=unit(self.kind, field),
            default=shown(self.kind, field, _default(self.kind, field)),
            source=self._source(field),
            secret=is_secret(self.kind, field),
            description=" ".join(description.split()),
            fault=next((each.message for each in self.faults if each.name == name), None),
        )

    def _value(self, field: str) -> Any:
        for settings in (self.used, self.read):
            if settings is not None:
                return shown(self.kind, field, getattr(settings, field))
        _, written = self._written(field)
        if any(each.name == names(self.kind, field)[0] for each in self.faults):
            return None
        # Not every secret within an object is known before it is read.
        return SET if isinstance(written, dict | list) else shown(self.kind, field, written)

    def _source(self, field: str) -> str:
        source, _ = self._written(field)
        if self.used is None:
            return source
        other = _default(self.kind, field) if self.read is None else getattr(self.read, field)
        return source if getattr(self.used, field) == other else IN_CODE

    def _written(self, field: str) -> tuple[str, Any]:
        """The source that counts, and what it holds."""
        keys = {each.upper() for each in (field, *names(self.kind, field))}
        for source, values in self.held:
            for key, value in values.items():
                if key.upper() in keys:
                    return source, value
        return DEFAULT, _default(self.kind, field)


async def used_settings(run: Run) -> list[tuple[type[BaseSettings], BaseSettings | None]]:
    """The settings that the app of this run uses, as it has them; None for what is wrong."""
    found: list[tuple[type[BaseSettings], BaseSettings | None]] = []
    for each in plan(*declared(run.app)) if run.app is not None else ():
        kind = each.gives()
        if inspect.isclass(kind) and issubclass(kind, BaseSettings):
            try:
                value = await run.open(each)
            except Exception:  # noqa: BLE001 - what is wrong is found by making one
                value = None
            found.append((kind if value is None else type(value), value))
    return found


def shown(kind: type[BaseSettings], field: str, value: Any) -> Any:
    """The value as JSON, without what is secret in it."""
    secret = is_secret(kind, field)
    if value is None:
        return NOT_SET if secret and unit(kind, field) != URL.name else None
    if unit(kind, field) == URL.name:
        return urls.shown(_plain(value))
    return SET if secret else _masked(to_jsonable_python(value, fallback=str))


def text(value: Any) -> str | None:
    """A value that was shown, as a variable is written."""
    if value is None or isinstance(value, str):
        return value if value is None or value.isprintable() else json.dumps(value)
    if isinstance(value, list):
        return ", ".join(str(text(each)) for each in value) or None
    return json.dumps(value).removesuffix(".0")


def _default(kind: type[BaseSettings], field: str) -> Any:
    info = kind.model_fields[field]
    if info.default_factory_takes_validated_data:
        return None  # it depends on the other settings
    found = info.get_default(call_default_factory=True)
    return None if found is PydanticUndefined else found


def _plain(value: Any) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: SET if secret_name(key) else _masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if not isinstance(value, str):
        return value
    is_url = "://" in value and not {"@", "?"}.isdisjoint(value)
    return urls.shown(value) if is_url else redacted(value)
