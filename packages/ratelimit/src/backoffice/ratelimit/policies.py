"""Policies: the names under which callers are counted, and how an operator names a caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Literal

from backoffice.core import singleton

#: How an operator names a caller: an account, a client's address, or what is counted itself.
By = Literal["user", "address", "key"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Limits under one name, as they are written; none where each caller has limits of their own.

    `by_role` are those of callers who hold a role, and none exempts them. `keys` says what is
    counted: for each way to name a caller the key, with `{}` for the name.
    """

    name: str
    limits: tuple[str, ...]
    counted: str
    keys: Mapping[By, str]
    by_role: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on: str = "requests"
    shadow: bool = False
    on_error: str = "local"

    @property
    def subject(self) -> str:
        """How the audit log names it."""
        return f"limit:{self.name}"[:128]

    @property
    def written(self) -> tuple[str, ...]:
        """Every limit that the code names, those of roles included."""
        return (*self.limits, *chain.from_iterable(self.by_role.values()))

    def key(self, by: By, name: str) -> str | None:
        """Under what that caller is counted; None where this policy counts nobody by that."""
        template = self.keys.get(by)
        return None if template is None else template.replace("{}", name)


BY_ADDRESS: Mapping[By, str] = MappingProxyType({"address": "{}"})


class Policies:
    """The policies of one run that no route shows: packages and apps that check by name tell."""

    def __init__(self) -> None:
        self._known: dict[str, Policy] = {}

    def register(self, *policies: Policy) -> None:
        """Have these listed; the last of a name counts."""
        self._known.update({each.name: each for each in policies})

    def all(self) -> list[Policy]:
        """Those that were registered."""
        return list(self._known.values())


@singleton
def policies() -> Policies:
    """The named policies of this run."""
    return Policies()
