"""Dates as records tell them: a day, or a month or a year of which the day is not known."""

import datetime
import re
from typing import Annotated, NamedTuple

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_PATTERN = r"^\d{4}(-\d{2}(-\d{2})?)?$"
_WRITTEN = re.compile(_PATTERN, re.ASCII)


class PartialDate(NamedTuple):
    """A year, or a month of it; written `YYYY` or `YYYY-MM`, as ISO 8601 does."""

    year: int
    month: int | None = None

    def isoformat(self) -> str:
        """Write it; in the order of these texts and of those of days, what is known less is first.

        So 2023, 2023-05, 2023-05-01.
        """
        return f"{self.year:04}" if self.month is None else f"{self.year:04}-{self.month:02}"

    __str__ = isoformat


def partial_date(year: int, month: int | None = None) -> PartialDate:
    """Make one.

    Raises:
        ValueError: There is no such year or month.
    """
    datetime.date(year, 1 if month is None else month, 1)
    return PartialDate(year, month)


def _read(value: object) -> datetime.date | PartialDate:
    if isinstance(value, datetime.date | PartialDate):
        return value
    if not isinstance(value, str) or not _WRITTEN.match(value):
        raise ValueError("no date; write YYYY, YYYY-MM or YYYY-MM-DD")
    year, *rest = map(int, value.split("-"))
    return datetime.date(year, *rest) if len(rest) == 2 else partial_date(year, *rest)


def _written(date: datetime.date | PartialDate) -> str:
    return date.isoformat()


PaperDate = Annotated[
    datetime.date | PartialDate,
    PlainValidator(_read),  # pydantic's own would take a year for seconds
    PlainSerializer(_written, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _PATTERN}),
]
"""The type of a record's date: a day, or as much of one as is known."""
