"""Years, months and days, as they stand in addresses: `2026`, `2026-11`, `2026-11-22`."""

import calendar
import re
from dataclasses import dataclass
from datetime import date

#: The parameter that says which one it is.
WITHIN = "within"
_PERIOD = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@dataclass(frozen=True)
class Stretch:
    """A year, a month or a day."""

    text: str

    @property
    def label(self) -> str:
        """In words, below the stretch that it is part of."""
        year, month, day = parts_of(self.text)
        if day:
            return str(day)
        return calendar.month_name[month] if month else str(year)


def is_stretch(text: str) -> bool:
    """Whether it is a year, a month or a day that there is."""
    try:
        year, month, day = parts_of(text)
        date(year, month or 1, day or 1)
    except ValueError:
        return False
    return True


def days_of(text: str) -> tuple[date, date]:
    """The first and the last day; ValueError."""
    year, month, day = parts_of(text)
    first = date(year, month or 1, day or 1)
    if day:
        return first, first
    last = month or 12
    return first, date(year, last, calendar.monthrange(year, last)[1])


def parts_of(text: str) -> tuple[int, int, int]:
    """Year, month and day, 0 for what is not said; ValueError."""
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise ValueError("no year, month or day")
    year, month, day = (int(each) if each else 0 for each in found.groups())
    return year, month, day
