"""Reading settings, and saying of all of them at once what is wrong."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, SettingsError

from backoffice.core.errors import SetupError
from backoffice.core.settings.faults import Fault, faults, told, variable
from backoffice.core.settings.package import NO_TEXT, is_text
from backoffice.core.settings.sources import held

ENTRY_POINTS = "backoffice.settings"

SettingsType = TypeVar("SettingsType", bound=BaseSettings)


def load(kind: type[SettingsType]) -> SettingsType:
    """Settings of that kind, from the environment.

    SetupError names every variable that is wrong, those of the other packages as well, and what
    is expected of it.
    """
    found, wrong = attempt(kind)
    if found is not None:
        return found
    kinds, _ = registered()
    for _, other in kinds:
        wrong += [] if other is kind else attempt(other)[1]
    raise refusal(wrong)


def attempt(kind: type[SettingsType]) -> tuple[SettingsType | None, list[Fault]]:
    """The settings, or None and all that is wrong with them."""
    try:
        return kind(), []
    except ValidationError as error:
        return None, faults(error, kind)
    except UnicodeError:  # from pydantic itself, unless the class is a PackageSettings
        return None, _no_texts(kind)
    except SettingsError as error:
        found = faults(error, kind)
        told = {each.name for each in found}
        return None, [*found, *(each for each in _further(kind) if each.name not in told)]


def _further(kind: type[BaseSettings]) -> list[Fault]:
    """What else is wrong, where a source cannot be read as a whole and nothing was validated."""
    values = {key: value for _, data in reversed([*held(kind)]) for key, value in data.items()}
    try:
        BaseModel.__init__(kind.__new__(kind), **values)  # BaseSettings' own would read again
    except ValidationError as error:
        return faults(error, kind)
    return []


def _no_texts(kind: type[BaseSettings]) -> list[Fault]:
    values = ((key, value) for _, data in held(kind) for key, value in data.items())
    return [
        Fault(variable(kind, key), NO_TEXT)
        for key, value in values
        if isinstance(value, str) and not is_text(value)
    ]


def refusal(wrong: Iterable[Fault]) -> SetupError:
    """The error that names each fault, once."""
    return SetupError("; ".join(dict.fromkeys(map(str, wrong))))


def registered(
    *further: EntryPoint,
) -> tuple[list[tuple[str, type[BaseSettings]]], list[Fault]]:
    """The settings classes of all packages with the name of their group, and what hinders some.

    A package names its class by an entry point `backoffice.settings`.
    """
    kinds: list[tuple[str, type[BaseSettings]]] = []
    broken: list[Fault] = []
    for entry in [*entry_points(group=ENTRY_POINTS), *further]:
        try:
            kinds.append((entry.name, _loaded(entry)))
        except SetupError as error:
            broken.append(Fault(entry.value, error.message))
    return sorted(kinds, key=lambda each: str(each[1].model_config.get("env_prefix"))), broken


def _loaded(entry: EntryPoint) -> type[BaseSettings]:
    """The class; whatever its module raises becomes a SetupError that repeats no value."""
    try:
        kind = entry.load()
    except ValidationError as error:
        raise SetupError(told(error)) from None
    except Exception as error:
        shown = f": {error}" if isinstance(error, ImportError) else ""
        raise SetupError(f"cannot be imported: {type(error).__name__}{shown}") from error
    if not (isinstance(kind, type) and issubclass(kind, BaseSettings)):
        raise SetupError("is no settings class")
    return kind
