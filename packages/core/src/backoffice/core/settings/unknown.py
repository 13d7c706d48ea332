"""Variables that are set, and that nothing reads: most are misspelt."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic_settings import BaseSettings

from backoffice.core.settings.fields import all_names
from backoffice.core.settings.sources import Unreadable, secret_files

PREFIX = "BACKOFFICE_"

#: Set in every container beside a Service that is called backoffice.
_KUBERNETES = re.compile(r"\w+_SERVICE_(HOST|PORT(_\w+)?)|\w+_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")
_KUBERNETES_VALUES = ("tcp://", "udp://", "sctp://")


@dataclass(frozen=True)
class Unknown:
    """A variable that nothing reads; `nearest` is the one that may have been meant."""

    name: str
    nearest: str | None

    def __str__(self) -> str:
        told = f"{self.name} is set, but nothing that is installed reads it"
        return f"{told}; did you mean {self.nearest}?" if self.nearest else told


def unknown(kinds: Iterable[type[BaseSettings]]) -> list[Unknown]:
    """The variables `BACKOFFICE_...`, and files of secrets, that none of these classes knows."""
    kinds = list(kinds)
    known = {name.upper() for kind in kinds for name in _known(kind)}
    families = tuple(name for kind in kinds for name in _families(kind))
    found = sorted({*_in_environment(), *_in_files()})
    return [
        Unknown(name, next(iter(get_close_matches(name.upper(), known, 1, 0.8)), None))
        for name in found
        if name.upper() not in known and not name.upper().startswith(families)
    ]


def _known(kind: type[BaseSettings]) -> list[str]:
    return [*all_names(kind), *getattr(kind, "elsewhere", ())]


def _families(kind: type[BaseSettings]) -> list[str]:
    """What the variables of nested fields begin with."""
    delimiter = kind.model_config.get("env_nested_delimiter")
    return [f"{name}{delimiter}".upper() for name in all_names(kind)] if delimiter else []


def _in_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        kubernetes = _KUBERNETES.fullmatch(name) or value.startswith(_KUBERNETES_VALUES)
        if name.upper().startswith(PREFIX) and not kubernetes:
            yield name


def _in_files() -> Iterator[str]:
    try:
        yield from (each.name for each in secret_files() if each.name.upper().startswith(PREFIX))
    except Unreadable:  # loading says so
        return
