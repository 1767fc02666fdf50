"""Pages of the catalogue as a table: searched, filtered, sorted and counted by SQLite."""

import json
from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from footnote.rag.core.base import Record
from footnote.rag.core.request import Filters
from footnote.rag.index.facts import LISTED, Facts, Rows, conditions, sources_of

Column = Literal["title", "date", "organisation", "upvotes", "n_authors"]
Tallied = Literal["month", "year", "organisation", "source"]

# The names of columns are these and no others: what a person typed is a value, never SQL.
_TALLIES: dict[Tallied, str] = {
    "month": "SELECT iif(date LIKE '____-%', substr(date, 1, 7), NULL), count(*) FROM facts"
    " GROUP BY 1",
    "year": "SELECT substr(date, 1, 4), count(*) FROM facts GROUP BY 1",
    "organisation": "SELECT organisation, count(*) FROM facts GROUP BY 1",
    "source": "SELECT name, count(*) FROM names WHERE kind = 'source' GROUP BY 1",
}


class Sheet(Record):
    """Which page of the table of papers is wanted."""

    text: str = Field(default="", max_length=500)
    """A part of a title or of an author's name, or words of the abstract; empty for all."""
    filters: Filters = Filters()
    undated: bool = False
    """Only papers without a date."""
    sort: Column = "date"
    descending: bool = True
    offset: int = Field(default=0, ge=0, le=2**31)
    limit: int = Field(default=50, ge=1, le=200)


def read_sheet(
    rows: Rows, sheet: Sheet, with_words: Iterable[str] = ()
) -> tuple[int, list[Facts], dict[str, list[str]]]:
    """Read a page of the table of the papers served.

    Args:
        rows: Reads the catalogue.
        sheet: Which page. What is not known comes last, in either order.
        with_words: Ids of the papers that hold the words of `sheet.text`.

    Returns:
        How many papers there are on all pages, those of this one, and the names of the sources
        of each by its id.
    """
    where, values = _where(rows, sheet, with_words)
    [(total,)] = rows(f"SELECT count(*) FROM facts f WHERE {where}", values)  # noqa: S608
    order = "DESC" if sheet.descending else "ASC"
    found = rows(
        "SELECT paper_id, title, date, organisation, upvotes, n_authors, withdrawn,"  # noqa: S608
        " EXISTS (SELECT 1 FROM names n WHERE n.paper_id = f.paper_id AND kind = 'author')"
        f" FROM facts f WHERE {where} ORDER BY {sheet.sort} IS NULL,"
        f" {sheet.sort} COLLATE NOCASE {order}, title COLLATE NOCASE, paper_id LIMIT ? OFFSET ?",
        [*values, sheet.limit, sheet.offset],
    )
    page = [Facts(*row[:-2], *map(bool, row[-2:])) for row in found]
    return total, page, sources_of(rows, [each.paper_id for each in page])


def tally(rows: Rows, by: Tallied) -> list[tuple[str | None, int]]:
    """Count the papers served by what their records say; None for those that do not say it.

    Returns:
        Months and years in their order, all else by count, most first. A paper that was seen in
        several sources counts for each.
    """
    counted = rows(_TALLIES[by], ())
    if by in ("month", "year"):
        return sorted(counted, key=lambda pair: (pair[0] is None, pair[0]))
    return sorted(counted, key=lambda pair: (-pair[1], pair[0] or ""))


def _where(rows: Rows, sheet: Sheet, with_words: Iterable[str]) -> tuple[str, list[object]]:
    asked = conditions(rows, sheet.filters)
    if sheet.undated:
        asked.append(("date IS NULL", []))
    if text := " ".join(sheet.text.split()):
        part = f"%{_literally(text)}%"
        asked.append(
            (
                "(title LIKE ? ESCAPE '\\' OR paper_id IN (SELECT paper_id FROM names"  # noqa: S608
                " WHERE kind = 'author' AND name LIKE ? ESCAPE '\\')"
                f" OR paper_id IN {LISTED})",
                [part, part, json.dumps(list(with_words))],
            )
        )
    where = " AND ".join(["TRUE", *(condition for condition, _ in asked)])
    return where, [value for _, own in asked for value in own]


def _literally(text: str) -> str:
    for sign in "\\%_":
        text = text.replace(sign, f"\\{sign}")
    return text
