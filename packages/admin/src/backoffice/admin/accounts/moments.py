"""When something that is given ends, as a form says it."""

from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from backoffice.core import InvalidInput

_MOMENT = TypeAdapter(datetime)


def moment(text: str) -> datetime | None:
    """The time, in UTC where it says no zone; None for none, InvalidInput for what is no time."""
    if not text.strip():
        return None
    try:
        found = _MOMENT.validate_python(text.strip())
    except ValidationError:
        raise InvalidInput(f"{text[:40]!r} is no date and time; write 2027-01-31T12:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
