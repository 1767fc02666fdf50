import datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from footnote.rag.core.partial import PaperDate, PartialDate, partial_date

adapter = TypeAdapter[datetime.date | PartialDate](PaperDate)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2023", PartialDate(2023)),
        ("2023-05", PartialDate(2023, 5)),
        ("2023-05-01", datetime.date(2023, 5, 1)),
    ],
)
def test_a_date_is_written_as_it_is_read(written: str, date: datetime.date | PartialDate):
    read = adapter.validate_python(written)
    assert (read, type(read)) == (date, type(date))
    assert adapter.dump_json(read) == f'"{written}"'.encode()
    assert adapter.validate_json(f'"{written}"') == date
    assert str(date) == date.isoformat() == f"{date}" == written


@pytest.mark.parametrize("wrong", ["0000", "2023-13", "2023-00", "23", "2023-5", "soon", 2023])
def test_what_is_no_date_is_refused(wrong: object):
    with pytest.raises(ValidationError):
        adapter.validate_python(wrong)


def test_texts_of_dates_are_in_the_order_of_what_is_known():
    dates = ["2022-12-31", "2023", "2023-05", "2023-05-01", "2023-06", "2024"]
    assert sorted(dates) == [str(adapter.validate_python(each)) for each in dates]


def test_there_is_no_thirteenth_month():
    with pytest.raises(ValueError, match="month"):
        partial_date(2023, 13)
