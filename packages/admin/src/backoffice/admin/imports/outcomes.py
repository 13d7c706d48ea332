"""Outcomes: what came of a row, or would."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["new", "changed", "same", "refused"]
#: In place of a column: what is about the whole row.
ROW = -1


@dataclass(frozen=True)
class Outcome:
    """What came of one row; `told` says at which column what was there before, or is wrong."""

    row: int
    kind: Kind
    told: Mapping[int, str] = field(default_factory=dict)


def written(outcomes: Iterable[Outcome]) -> str:
    """Outcomes as they are kept."""
    return json.dumps([[each.row, each.kind, sorted(each.told.items())] for each in outcomes])


def read(text: str) -> list[Outcome]:
    """Outcomes as they were kept; none of an empty text."""
    found = json.loads(text) if text else []
    return [Outcome(row, kind, dict(map(tuple, told))) for row, kind, told in found]
