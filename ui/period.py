"""Days as a person writes them: a day, a month or a year."""

import calendar
import datetime
import re
from typing import NamedTuple

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


class Period(NamedTuple):
    """A day, a month or a year."""

    first: datetime.date
    last: datetime.date


def parse_period(text: str) -> Period:
    """Read `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.

    Raises:
        ValueError: It is none of these, or there is no such day; the message says what to write.
    """
    match = _WRITTEN.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError
        year, month, day = match.groups()
        first = datetime.date(int(year), int(month or 1), int(day or 1))
        last = first if month else first.replace(month=12)
        days = calendar.monthrange(last.year, last.month)[1]
        return Period(first, last if day else last.replace(day=days))
    except ValueError as error:
        raise ValueError(f"{text!r} is no date; write YYYY, YYYY-MM or YYYY-MM-DD") from error
