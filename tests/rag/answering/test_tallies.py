"""Counts by year, organisation and source, figures, and what papers are about, counted by hand."""

from pathlib import Path

import pytest

from footnote.rag.core.request import Operation
from tests.rag.answering.conftest import NOT_TOLD, Asking, listed, paper, table


def test_something_is_asked_of_each_year_organisation_or_source(lists: Asking):
    best = lists(Operation.MOST_UPVOTED, asked={"each": "year", "limit": 1})
    assert listed(best) == ["Bravo", "Alpha"]
    assert best.answer.startswith("The most upvoted paper of each year, of the papers here.")
    assert listed(lists(Operation.NEWEST, asked={"each": "organisation"})) == ["Charlie", "Delta"]
    assert listed(lists(Operation.OLDEST, asked={"each": "source"})) == ["Delta", "Alpha"]
    assert listed(lists(Operation.MOST_UPVOTED, asked={"each": "month"})) == ["Bravo", "Alpha"]
    of_each = table(lists(Operation.FIGURES, asked={"each": "organisation"}))
    assert [row[:3] for row in of_each[1:]] == [
        ["upvotes", "4", "4.2"],
        ["authors", "2", "3.0"],
        ["upvotes, ACME", "2", "6.5"],
        ["upvotes, Other", "1", "1.0"],
        ["authors, ACME", "1", "4.0"],
    ]
    years = table(lists(Operation.FIGURES, since="2023-01-01", until="2024-12-31"))
    assert [row[0] for row in years[1:]] == [
        "upvotes", "authors", "upvotes, 2024", "upvotes, 2023", "authors, 2024", "authors, 2023"
    ]  # fmt: skip
    for operation in (Operation.COUNT, Operation.LIST, Operation.BY_YEAR):
        counts = table(lists(operation, asked={"each": "source"}))
        assert counts == [["Seen in", "Papers"], ["c.txt", "3"], ["a.txt", "2"], ["b.txt", "2"]]


def test_months_are_told_where_they_are_asked_for_or_few_years_are(lists: Asking, tmp_path: Path):
    months = [["Month", "Papers"], ["2024-02", "2"], ["2023-05", "1"]]
    years = [["Year", "Papers"], ["2024", "2"], ["2023", "2"]]
    answer = lists(Operation.BY_YEAR)
    assert [table(answer, 1), table(answer, 2)] == [years, months]
    (tmp_path / "more").mkdir()
    more = Asking(
        tmp_path / "more",
        *(paper(f"Paper {n}", date=f"{2010 + n % 2}-0{1 + n % 3}-01") for n in range(16)),
        paper("Late", date="2014-07-01"),
    )
    answer = more(Operation.BY_YEAR)
    assert answer.answer.splitlines()[0] == (
        "There are 17 papers here. Most are of the years 2010 and 2011 (8 each). None are of 2012 or 2013."
    )
    assert len(answer.blocks) == 2
    monthly = more(Operation.BY_YEAR, asked={"each": "month"})
    assert table(monthly, 1)[:2] == [["Month", "Papers"], ["2014-07", "1"]]


def test_how_a_topic_went_on_is_told_by_its_papers_the_oldest_first(five: Asking):
    answer = five(Operation.BY_YEAR, "quantization")
    assert table(answer, 1)[1:] == [["2024", "1"], ["2023", "1"], ["not known", "2"]]
    assert [row[0] for row in table(answer)[1:]] == ["Bravo", "Alpha"]
    assert [s.title for s in answer.sources] == ["Bravo", "Alpha"]
    assert not five(Operation.BY_YEAR).sources  # of all papers it says nothing


def test_several_organisations_are_counted_each(five: Asking):
    both = five(Operation.COUNT, organisation="ACME", other_organisations=["Other"]).answer
    assert "“ACME” 2, “Other” 1." in both
    sides = five(Operation.COUNT, asked={"sides": ["Other", "ACME"]}).answer
    assert "By organisation: “ACME” 2, “Other” 1." in sides
    assert "By organisation" not in five(Operation.COUNT, asked={"sides": ["ACME", "Echo"]}).answer


def test_papers_by_year_and_by_organisation_are_counted_with_those_not_known(five: Asking):
    years = five(Operation.BY_YEAR)
    assert years.blocks[0].text == "There are 5 papers here. 2 of the 5 have no date."
    assert table(years, 1) == [["Year", "Papers"], ["2024", "2"], ["2023", "1"], ["not known", "2"]]
    assert years.answer.splitlines()[1:] == [
        "Year:", "- 2024: 2 papers", "- 2023: 1 paper", "- not known: 2 papers",
        "Month:", "- 2024-05: 2 papers", "- 2023-01: 1 paper", "- not known: 2 papers",
    ]  # fmt: skip
    organisations = five(Operation.BY_ORGANISATION)
    assert table(organisations) == [
        ["Organisation", "Papers"], ["ACME", "2"], ["Other", "1"], ["not known", "2"],
    ]  # fmt: skip


def test_what_the_collection_is(five: Asking):
    answer = five(Operation.ABOUT)
    assert answer.blocks[0].text == (
        "There are 5 papers here. No two have the same title. The dates on record are 2023-01-31 to"
        f" 2024-05-01. {NOT_TOLD}"
    )
    assert table(answer, 1) == [
        ["The record tells", "Papers"],
        ["a date", "3"],
        ["an organisation", "3"],
        ["upvotes", "3"],
        ["a number of authors", "2"],
        ["the names of authors", "1"],
    ]
    assert table(answer, 2) == [["Seen in", "Papers"], ["a.txt", "4"], ["b.txt", "1"]]
    assert table(answer, 3) == [["Organisation", "Papers"], ["ACME", "2"], ["Other", "1"]]


PHRASED = (
    "Caching Large Models", "Caches for Large Models", "A Large Model for Queues", "Of Queues",
    "From the Past to Queues of Jobs", "Queue of Jobs: From the Past", "Large Tables",
)  # fmt: skip


def test_a_collection_is_told_first_by_the_phrases_of_its_titles(tmp_path: Path):
    asking = Asking(tmp_path, *(paper(title) for title in PHRASED))
    # `From the past` begins with a very common word, `past to queues` stands in one title.
    expected = [["In the title", "Papers"], ["large models", "3"], ["queue of jobs", "2"]]
    assert table(asking(Operation.ABOUT), 1) == expected
    said = asking(Operation.ABOUT).answer.splitlines()[0]
    assert "Titles speak most of large models (3) and queue of jobs (2)." in said
    topics = asking(Operation.TOPICS)
    assert table(topics, 1) == expected
    # Words as they are written; `past` is none of the most common ones.
    assert table(topics, 2)[:4] == [
        ["Words in the title", "Papers"], ["large", "4"], ["queues", "3"], ["jobs", "2"],
    ]  # fmt: skip
    assert topics.blocks[0].n == 7
    alone = asking(Operation.TOPICS, "tables")
    assert alone.reason == "No two titles of these share a phrase."


def test_papers_are_counted_by_where_they_were_seen(five: Asking):
    assert table(five(Operation.BY_SOURCE)) == [
        ["Seen in", "Papers"],
        ["a.txt", "4"],
        ["b.txt", "1"],
    ]


def test_figures_are_of_the_records_that_tell_them(five: Asking):
    answer = five(Operation.FIGURES)
    assert answer.answer == (
        "There are 5 papers here. 3 records tell a number of upvotes: 6.0 on average, median 3, from 3"
        " to 12, 18 in all. 2 records tell a number of authors: 4.5 on average, median 4.5, from 2 to"
        " 7, 9 in all."
    )
    assert table(answer) == [
        ["Of", "Records", "Average", "Median", "Least", "Most", "Total"],
        ["upvotes", "3", "6.0", "3", "3", "12", "18"],
        ["authors", "2", "4.5", "4.5", "2", "7", "9"],
    ]
    nothing = five(Operation.FIGURES, max_upvotes=0).reason
    assert nothing is not None
    assert nothing.startswith("No paper here has 0 upvotes.")
    of_all = five(Operation.FIGURES, "echo").answer
    said = "Of papers that say “echo” no record tells it; this is of all papers."
    assert of_all.startswith(f"{said} There are 5 papers here. 3 records tell")


@pytest.fixture
def years(tmp_path: Path) -> Asking:
    """Of 2022 two papers, of 2023 four, of 2024 eight; one, one and four of them on pruning."""
    return Asking(
        tmp_path,
        *(
            paper(
                f"{'Pruned nets' if n < on_it else 'Cached pages'} of x{year}{n}",
                date=date(year, n),
            )
            for year, many, on_it in ((2022, 2, 1), (2023, 4, 1), (2024, 8, 4))
            for n in range(many)
        ),
    )


def date(year: int, n: int) -> str:
    return f"{year}-{5 + n % 4:02}-01"


def test_how_a_topic_went_on_is_told_by_its_share_of_each_year(years: Asking):
    answer = years(Operation.BY_YEAR, "pruned")
    assert answer.blocks[0].text is not None
    assert answer.blocks[0].text.endswith(
        "Most are of 2024 (4). Of all papers with a date they are 50% of those of 2022, 25% of"
        " those of 2023 and 50% of those of 2024."
    )


def test_a_topic_whose_papers_have_no_date_lists_them(tmp_path: Path):
    asking = Asking(tmp_path, paper("Pruned nets"), paper("Other", date="2024-01-01"))
    answer = asking(Operation.BY_YEAR, "pruned")
    assert answer.answer.splitlines()[0].endswith("has no date.")
    assert listed(answer) == ["Pruned nets"]


def test_halves_of_years_are_told_of_more_than_a_page(tmp_path: Path, years: Asking):
    assert "By half-year" not in years(Operation.BY_YEAR, since="2023-01-01").answer  # of twelve
    (tmp_path / "more").mkdir()
    dates = [*["2023-06-30"] * 3, *["2023-07-01"] * 4, *["2024-01-01"] * 6]
    more = Asking(tmp_path / "more", *(paper(f"P {n}", date=d) for n, d in enumerate(dates)))
    halves = (
        "By half-year: 3 in the first half of 2023, 4 in the second half of 2023, 6 in the first"
        " half of 2024."
    )
    assert halves in more(Operation.BY_YEAR).answer


def test_which_topics_grew_is_told_by_titles_of_each_year(years: Asking):
    answer = years(Operation.TOPICS, asked={"each": "year"})
    rows = table(answer)
    assert rows[:2] == [["In the title", "2022", "2023", "2024"], ["all papers", "2", "4", "8"]]
    assert rows[2:] == [["pruned nets", "1", "1", "4"], ["cached pages", "1", "3", "4"]]
    assert "whose share of 2024 is most above that of the years before" in answer.answer
