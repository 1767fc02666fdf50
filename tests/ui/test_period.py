import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ui.period import parse_period

day = datetime.date


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", day(2024, 1, 1), day(2024, 12, 31)),
        ("2024-02", day(2024, 2, 1), day(2024, 2, 29)),
        ("2023-02", day(2023, 2, 1), day(2023, 2, 28)),
        (" 2024-05-09 ", day(2024, 5, 9), day(2024, 5, 9)),
    ],
)
def test_a_period_has_a_first_and_a_last_day(text: str, first: day, last: day):
    assert parse_period(text) == (first, last)


@given(st.dates())
def test_every_day_is_the_first_and_the_last_of_itself(date: datetime.date):
    assert parse_period(date.isoformat()) == (date, date)
    month = parse_period(date.isoformat()[:7])
    assert month.first <= date <= month.last
    assert (
        month.first.day,
        (month.last + datetime.timedelta(1)).day if date.year < 9999 else 1,
    ) == (1, 1)


@pytest.mark.parametrize(
    "text",
    ["", "24", "2024-13", "2023-02-29", "0000", "2024-1", "yesterday", "2024-01-01T00:00", "٢٠٢٤"],
)
def test_what_is_no_date_is_told_how_to_write_one(text: str):
    with pytest.raises(ValueError, match="is no date; write YYYY, YYYY-MM or YYYY-MM-DD"):
        parse_period(text)
