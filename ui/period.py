"""Days as a person writes them: a day, a month or a year."""

import datetime
import re

from footnote.rag.understanding.dates import Days

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


def parse_period(text: str) -> Days:
    """Read `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.

    Raises:
        ValueError: It is none of these, or there is no such day; the message says what to write.
    """
    match = _WRITTEN.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError
        year, *rest = (int(part) for part in match.groups() if part)
        if not rest:
            return Days.of_years(year)
        if len(rest) == 1:
            return Days.of_month(year, rest[0])
        day = datetime.date(year, *rest)
        return Days(day, day)
    except ValueError as error:
        raise ValueError(f"{text!r} is no date; write YYYY, YYYY-MM or YYYY-MM-DD") from error
