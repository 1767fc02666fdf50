"""Dates as people write them."""

from datetime import date

import pytest

from footnote.rag.understanding.dates import is_part_of, is_year, read_days

TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2023", date(2023, 1, 1), date(2023, 12, 31)),
        ("March 2024", date(2024, 3, 1), date(2024, 3, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("14 March 2024", date(2024, 3, 14), date(2024, 3, 14)),
        ("last year", date(2025, 1, 1), date(2025, 12, 31)),
        ("this year", date(2026, 1, 1), date(2026, 12, 31)),
        ("Q2 2024", date(2024, 4, 1), date(2024, 6, 30)),
        ("2nd half of 2024", date(2024, 7, 1), date(2024, 12, 31)),
        ("fourth quarter of 2023", date(2023, 10, 1), date(2023, 12, 31)),
        ("the 2nd quarter of 2021", date(2021, 4, 1), date(2021, 6, 30)),
        ("mid-2020", date(2020, 6, 1), date(2020, 8, 31)),
        ("late 2019", date(2019, 9, 1), date(2019, 12, 31)),
        ("Spring 2023", date(2023, 3, 1), date(2023, 5, 31)),
        ("H1 2023", date(2023, 1, 1), date(2023, 6, 30)),
        ("the 1990s", date(1990, 1, 1), date(1999, 12, 31)),
        ("the last two years", date(2024, 1, 1), TODAY),
        ("the summer of 2021", date(2021, 6, 1), date(2021, 8, 31)),
        ("März 2024", date(2024, 3, 1), date(2024, 3, 31)),
        ("2019年", date(2019, 1, 1), date(2019, 12, 31)),
    ],
)
def test_a_date_is_the_days_it_means(text: str, first: date, last: date) -> None:
    assert read_days(text, TODAY) == (first, last)


@pytest.mark.parametrize("text", ["", "attention", "the kv cache", "?"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_days(text, TODAY) is None


def test_a_year_is_four_digits_of_their_own():
    assert is_year("2021")
    assert not any(map(is_year, ("202", "20211", "1599", "GPT", "3072")))


def test_a_month_is_told_in_several_languages():
    assert is_part_of("July", "2025")
    assert is_part_of("märz", "2024")
    assert not any(is_part_of(word, "2025") for word in ("since", "in", "a", "papers", "2024"))
