"""What conditions are called: in the builder of a list, and on its chips."""

from collections.abc import Mapping
from typing import Any

#: The name of a filter to what the builder calls it, and to what a chip says after the field.
WORDS: Mapping[str, tuple[str, str]] = {
    "eq": ("is", "{0}"),
    "neq": ("is not", "not {0}"),
    "gt": ("is more than", "more than {0}"),
    "gte": ("is at least", "at least {0}"),
    "lt": ("is less than", "less than {0}"),
    "lte": ("is at most", "at most {0}"),
    "between": ("is from … to", "from {0} to {1}"),
    "in": ("is one of", "one of {0}"),
    "not_in": ("is none of", "none of {0}"),
    "contains": ("contains", "contains {0}"),
    "not_contains": ("does not contain", "does not contain {0}"),
    "startswith": ("begins with", "begins with {0}"),
    "endswith": ("ends with", "ends with {0}"),
    "is_null": ("is empty", "empty"),
    "is_not_null": ("is not empty", "not empty"),
    "is_true": ("is yes", "yes"),
    "is_false": ("is no", "no"),
    "in_past": ("is in the past", "in the past"),
    "in_future": ("is in the future", "in the future"),
    "since": ("is on or after", "from {0}"),
    "until": ("is on or before", "to {0}"),
    "within": ("is within", "within {0}"),
    "has": ("has", "{0}"),
}


#: Of our own filters those of which a chip says more than their label.
_TOLD = {"since", "until", "within", "has"}


def in_builder(name: str, label: object) -> str:
    """What the builder calls a filter; `label` is its own."""
    return str(label) if _is_own(label) else WORDS.get(name, (str(label), ""))[0]


def on_chip(name: str, label: object, *values: Any) -> str:
    """What a chip says of a field that is filtered so."""
    said = [str(each) for each in values if each is not None]
    words = WORDS.get(name, ("", ""))[1]
    if not words or (_is_own(label) and name not in _TOLD) or words.count("{") > len(said):
        return " ".join([str(label).removeprefix("is ").removeprefix("in "), *said])
    return words.format(*said)


def _is_own(label: object) -> bool:
    """Whether it is a filter of ours, whose label is in words already."""
    return str(label)[:1].islower()
