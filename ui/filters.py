"""Read which papers are meant, as programs and people write it."""

from pydantic import Field

from footnote.rag.core.base import Record
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.request import Filters
from footnote.rag.understanding.dates import Days
from footnote.ui.period import parse_period

_MAX_NAME_CHARS = 500


class FilterError(QuestionError):
    """A filter that means nothing."""

    def __init__(self, field: str, why: str):
        """Say of which field."""
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Which(Record):
    """Which papers are meant; a paper whose record does not tell is left out."""

    since: str | None = Field(default=None, max_length=10, examples=["2024-05"])
    """Of this day, month or year or later: `YYYY`, `YYYY-MM`, `YYYY-MM-DD`."""
    until: str | None = Field(default=None, max_length=10)
    """Of this day, month or year or earlier."""
    organisation: str | None = Field(default=None, max_length=_MAX_NAME_CHARS)
    """As the catalogue writes it, in any case."""
    source: str | None = Field(default=None, max_length=_MAX_NAME_CHARS)
    """Seen in a file or feed with this in its name."""
    author: str | None = Field(default=None, max_length=_MAX_NAME_CHARS)
    """With an author of this name, or with this part of one."""
    withdrawn: bool | None = None
    """Withdrawn papers alone, or the others."""
    reports_number: bool | None = None
    """Papers whose abstracts state a measured value alone, or the others."""

    def filters(self) -> Filters:
        """Read them.

        Raises:
            FilterError: A date is none, a name is empty, or the days are in the wrong order.
        """
        for field in ("organisation", "source", "author"):
            name: str | None = getattr(self, field)
            if name is not None and not name.strip():
                raise FilterError(field, "it is empty; write a name")
        first, last = _days("since", self.since), _days("until", self.until)
        if first and last and first.first > last.last:
            raise FilterError("since", f"{self.since} is after {self.until}")
        return Filters(
            since=first and first.first,
            until=last and last.last,
            organisation=self.organisation,
            source=self.source,
            author=self.author,
            withdrawn=self.withdrawn,
            reports_number=self.reports_number,
        )


def _days(field: str, text: str | None) -> Days | None:
    try:
        return None if text is None else parse_period(text)
    except ValueError as error:
        raise FilterError(field, str(error)) from error
