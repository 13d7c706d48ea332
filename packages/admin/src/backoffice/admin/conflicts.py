"""Conflicts: two people at one record, each with a form of it; nobody's work is overwritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette_admin.fields import BaseField, BooleanField, EnumField

from backoffice.admin.fields import ChoicesField, Reference, References, label_of
from backoffice.admin.presentation import other_view
from backoffice.admin.records import RecordView
from backoffice.admin.versions import Stood, Version, stood_as

#: What the choice between two values of a field is called in a form.
CHOICE = ".choose."
MINE, THEIRS = "mine", "theirs"
_LONGEST = 2000
_NOTHING = ""

Whose = Literal["both", "theirs", "yours"]


@dataclass(frozen=True)
class Difference:
    """A field of which the form says something else than the record, or than it did."""

    field: BaseField
    whose: Whose
    was: Stood | None
    now: Any
    yours: Any


@dataclass
class Meeting:
    """What was sent, beside what others have made of the record since the form was opened."""

    #: Field to what is to be written.
    taken: dict[str, Any]
    #: Field to what stands in the form from now on.
    merged: dict[str, Any]
    differences: list[Difference] = field(default_factory=list)

    @property
    def undecided(self) -> list[str]:
        """The fields that both have changed, each to something else."""
        return [each.field.name for each in self.differences if each.whose == "both"]


def meet(
    fields: Sequence[BaseField],
    version: Version | None,
    present: Mapping[str, Any],
    sent: Mapping[str, Any],
    form: FormData,
) -> Meeting:
    """What a form says, after those choices that it carries; with differences if it is stale."""
    if version is None:
        return Meeting(dict(sent), {**present, **sent})
    meeting = Meeting({}, dict(present))
    for each in fields:
        if each.name in present:
            _meet_at(each, version, present[each.name], sent, form, meeting)
    if all(each.whose == "yours" for each in meeting.differences):
        meeting.differences = []
    return meeting


def _meet_at(
    each: BaseField,
    version: Version,
    now: Any,
    sent: Mapping[str, Any],
    form: FormData,
    meeting: Meeting,
) -> None:
    name = each.name
    was, current = version.stood.get(name), stood_as(each, now)
    yours = stood_as(each, sent[name]) if name in sent else was
    is_theirs = was is not None and was != current
    is_yours = name in sent and yours != was
    if is_yours and form.get(f"{CHOICE}{name}") == THEIRS and name in version.undecided:
        is_yours = False
    if is_yours and yours != current:
        meeting.taken[name] = meeting.merged[name] = sent[name]
    whose = _whose(is_theirs, is_yours, yours == current)
    if whose == "yours" and _is_open(each, version, form):
        whose = "both"
    if whose is not None:
        meeting.differences.append(Difference(each, whose, was, now, sent.get(name)))


def _whose(is_theirs: bool, is_yours: bool, agree: bool) -> Whose | None:
    if is_theirs and is_yours:
        return None if agree else "both"
    if is_theirs:
        return "theirs"
    return "yours" if is_yours and not agree else None


def _is_open(each: BaseField, version: Version, form: FormData) -> bool:
    """Whether nobody can say that the other value is known: it was never seen, or not decided."""
    if each.name not in version.stood:
        return True
    return each.name in version.undecided and form.get(f"{CHOICE}{each.name}") != MINE


@dataclass(frozen=True)
class Row:
    """A difference in words, for a page."""

    field: BaseField
    whose: Whose
    was: str
    now: str
    yours: str


async def in_words(
    view: RecordView, request: Request, differences: Sequence[Difference]
) -> list[Row]:
    """The differences as they are shown, references by name."""
    rows = []
    for each in differences:
        was, found = each.was, each.field
        rows.append(
            Row(
                found,
                each.whose,
                "" if was is None else await _told(view, request, found, was.value, was.is_known),
                await _told(view, request, found, each.now),
                await _told(view, request, found, each.yours if each.whose != "theirs" else None),
            )
        )
    return rows


async def _told(
    view: RecordView, request: Request, field: BaseField, value: Any, known: bool = True
) -> str:
    if not known:
        return "(a long text)"
    if isinstance(field, Reference | References):
        return await _named(view, request, field, value)
    if isinstance(field, BooleanField):
        return {True: "Yes", False: "No"}.get(value, _NOTHING)
    if isinstance(field, ChoicesField):
        return ", ".join(map(str, value or ()))
    if isinstance(field, EnumField) and value:
        return label_of(field, value, request)
    text = _NOTHING if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


async def _named(
    view: RecordView, request: Request, field: Reference | References, value: Any
) -> str:
    keys = [str(each) for each in (value if isinstance(value, list) else [value]) if each]
    other = other_view(view, field.resource)
    names = {
        other.keys.of(each): other.named(request, each)
        for each in await other.find_by_pks(request, keys)
    }
    return ", ".join(names.get(each, f"#{each}") for each in keys)
