"""Runs a revision's module where what it imports is not there."""

import builtins
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from sqlalchemy.types import UserDefinedType


class _Anything(type):
    """A class that has every attribute, each of them itself."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __getitem__(cls, _: Any) -> Any:
        return cls

    def __iter__(cls) -> Iterator[Any]:
        return iter(())

    def __bool__(cls) -> bool:
        return True


class Absent(UserDefinedType[Any], metaclass=_Anything):
    """Stands for whatever could not be imported: most often a type of a column."""

    cache_ok = True

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> "Absent":
        """Itself again."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> "Absent":
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> "Absent":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_col_spec(self, **_: Any) -> str:
        """A type of which nothing is known."""
        return "unknown_type"


class Imports:
    """`__import__` for one module; `missing` says what was not found, and why, by name."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}

    def __call__(
        self,
        name: str,
        namespace: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
        wanted: tuple[str, ...] = (),
        level: int = 0,
    ) -> Any:
        """The module, or what stands for it."""
        try:
            found = builtins.__import__(name, namespace, local, wanted or (), level)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an app may raise anything
            self.missing["." * level + name] = f"{type(error).__name__}: {error}"
            return _stand_in(name, wanted)
        lacking = [each for each in wanted or () if each != "*" and not hasattr(found, each)]
        if not lacking:
            return found
        for each in lacking:
            self.missing[f"{name}.{each}"] = f"{name} has no {each}"
        return _completed(found, lacking)


def _stand_in(name: str, wanted: tuple[str, ...] | None) -> Any:
    return _completed(ModuleType(name), [each for each in wanted or () if each != "*"] or None)


def _completed(module: ModuleType, names: list[str] | None) -> Any:
    if names is None:
        return Absent
    held = ModuleType(module.__name__)
    held.__dict__.update({**vars(module), **dict.fromkeys(names, Absent)})
    return held
