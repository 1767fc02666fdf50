"""Read dates as people write them: `2023`, `March 2024`, `last year`, `the last two years`."""

import calendar
import datetime
import re
from functools import lru_cache
from typing import NamedTuple, Self

# Of the languages that dateparser knows, those that questions come in; with all of them a text that
# is no date takes seconds.
_LANGUAGES = ["en", "de", "fr", "es", "pt", "it", "nl", "ru", "zh", "ja"]
_YEAR = re.compile(r"(?<!\d)(1[6-9]\d\d|20\d\d)(?!\d)")
_DECADE = re.compile(r"(?<!\d)(1[6-9]\d|20\d)0['’]?s\b")
_QUARTER = re.compile(
    r"\bQ([1-4])\b|\b(?:(first|1st)|(second|2nd)|(third|3rd)|(fourth|4th|last)) quarter\b",
    re.IGNORECASE,
)
_MONTHS_A_QUARTER = 3
# First and last month, from the one that is said to begin it.
_PARTS = {
    "early": (1, 4), "mid": (6, 8), "late": (9, 12), "spring": (3, 5), "summer": (6, 8),
    "autumn": (9, 11), "fall": (9, 11),
}  # fmt: skip
_PART = re.compile(rf"\b({'|'.join(_PARTS)})\b", re.IGNORECASE)
_HALF = re.compile(r"\bH([12])\b|\b(?:(1st|first)|(?:2nd|second)) half\b", re.IGNORECASE)
# `The last two years` begins with words that are no part of a date.
_MOST_DROPPED = 3
_FIRST_YEAR = 1600
# `mai`, `September`, `septiembre`.
_SHORTEST_MONTH, _LONGEST_MONTH = 3, 10


class Days(NamedTuple):
    """A stretch of days, both included."""

    first: datetime.date
    last: datetime.date

    @classmethod
    def of_years(cls, first: int, last: int | None = None) -> Self:
        """Return the days of a year, or of all years up to another.

        Raises:
            ValueError: There is no such year.
        """
        return cls(datetime.date(first, 1, 1), datetime.date(last or first, 12, 31))

    @classmethod
    def of_month(cls, year: int, month: int) -> Self:
        """Return the days of a month, counted from 1.

        Raises:
            ValueError: There is no such month.
        """
        first = datetime.date(year, month, 1)
        return cls(first, first.replace(day=calendar.monthrange(year, month)[1]))


def read_days(text: str, today: datetime.date) -> Days | None:
    """Read the days that a date expression means; None for what is none.

    Args:
        text: The expression, without `since` or `before`.
        today: What `last year` counts from.
    """
    if decade := _DECADE.search(text):
        first = int(decade[1]) * 10
        return Days.of_years(first, first + 9)
    if (year := _YEAR.search(text)) and (quarter := _QUARTER.search(text)):
        n = int(quarter[1] or 1 + next(at for at, said in enumerate(quarter.groups()[1:]) if said))
        last = n * _MONTHS_A_QUARTER
        return Days(
            datetime.date(int(year[1]), last - _MONTHS_A_QUARTER + 1, 1),
            Days.of_month(int(year[1]), last).last,
        )
    if year and (half := _HALF.search(text)):
        is_first = half[1] == "1" or bool(half[2])
        months = (1, 6) if is_first else (7, 12)
        first, last = (Days.of_month(int(year[1]), month) for month in months)
        return Days(first.first, last.last)
    if year and (part := _PART.search(text)):
        begin, end = (Days.of_month(int(year[1]), month) for month in _PARTS[part[1].lower()])
        return Days(begin.first, end.last)
    words = text.split()
    for n_dropped in range(min(len(words), _MOST_DROPPED + 1)):
        rest = words[n_dropped:]
        if found := _parsed(" ".join(rest), today):
            # `Two years` that are left of `the last two years` reach until today.
            return Days(found.first, today) if n_dropped and not _YEAR.search(text) else found
    return Days.of_years(int(year[1])) if year else None


def years_in(text: str) -> list[int]:
    """Return the years that a text names, in order."""
    return [int(year) for year in _YEAR.findall(text)]


def is_year(word: str) -> bool:
    """Return True if a word is a year: four digits, from 1600 on."""
    return bool(_YEAR.fullmatch(word))


def is_part_of(word: str, year: str) -> bool:
    """Return True if a word before a year makes a part of it: `July` 2025, `H2` 2025."""
    if _QUARTER.fullmatch(word) or _HALF.fullmatch(word):
        return True
    # To parse takes milliseconds, and no month is told by figures or by a single letter.
    if not word.isalpha() or not _SHORTEST_MONTH <= len(word) <= _LONGEST_MONTH:
        return False
    found = read_days(f"{word} {year}", datetime.date(int(year), 1, 1))
    return found is not None and found != Days.of_years(int(year))


@lru_cache(maxsize=256)
def _parsed(text: str, today: datetime.date) -> Days | None:
    # Imported here: few questions have a date.
    from dateparser.date import DateDataParser

    settings = {
        "RELATIVE_BASE": datetime.datetime.combine(today, datetime.time()),
        "PREFER_DATES_FROM": "past",
        "PREFER_DAY_OF_MONTH": "first",
        "PREFER_MONTH_OF_YEAR": "first",
    }
    found = DateDataParser(languages=_LANGUAGES, settings=settings).get_date_data(text)
    if not found.date_obj or found.date_obj.year < _FIRST_YEAR:
        return None
    day = found.date_obj.date()
    if found.period == "year":
        return Days.of_years(day.year)
    if found.period == "month":
        return Days.of_month(day.year, day.month)
    if found.period == "week":
        return Days(day, day + datetime.timedelta(days=6))
    return Days(day, day)
