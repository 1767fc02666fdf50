"""A page of the table says what a plain loop over the same papers says."""

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.core.request import Filters
from footnote.rag.index.browse import Sheet
from footnote.rag.index.catalogue import Catalogue
from tests.rag.index.small import filled_index, paper

DAY = datetime.date(2024, 5, 1)


def described(title: str, abstract: str = "It is one.", **fields: object) -> Paper:
    return paper(title, abstract).model_copy(update=fields)


PAPERS = [
    described("alpha", date=DAY, organisation="ACME", upvotes=3, authors=("Ada Müller",)),
    described("Bravo", date=datetime.date(2023, 1, 31), organisation="Zeta", upvotes=3),
    described("charlie 100%", sightings=(Sighting(source="a.bib"), Sighting(source="b.ris"))),
    described("Delta_x", date=datetime.date(2024, 5, 2), sightings=(Sighting(source="a.bib"),)),
    described("delta", upvotes=12),
]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    made = Catalogue(tmp_path_factory.mktemp("browsed") / "catalogue.sqlite", create=True)
    made.save([(each, []) for each in PAPERS], {})
    made.mark_indexed(PAPERS)
    return made


def titles(catalogue: Catalogue, with_words: tuple[str, ...] = (), **asked: object) -> list[str]:
    _, papers, _ = catalogue.sheet(Sheet.model_validate(asked), with_words)
    return [each.title for each in papers]


def test_what_is_not_known_comes_last_in_either_order(catalogue: Catalogue):
    newest = ["Delta_x", "alpha", "Bravo"]
    assert titles(catalogue, sort="date") == [*newest, "charlie 100%", "delta"]
    oldest = titles(catalogue, sort="date", descending=False)
    assert oldest == [*newest[::-1], "charlie 100%", "delta"]
    assert titles(catalogue, sort="upvotes")[:3] == ["delta", "alpha", "Bravo"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("DELTA", ["delta", "Delta_x"]),
        ("a_x", ["Delta_x"]),
        ("0%", ["charlie 100%"]),
        ("ada  m", ["alpha"]),
        ("' OR 1=1 --", []),
        ("  ", ["alpha", "Bravo", "charlie 100%", "delta", "Delta_x"]),
    ],
)
def test_a_part_of_a_title_or_a_name_is_found_as_it_is_written(
    catalogue: Catalogue, text: str, found: list[str]
):
    assert titles(catalogue, text=text, sort="title", descending=False) == found


def test_papers_that_hold_the_words_are_found_too(catalogue: Catalogue):
    assert titles(catalogue, (PAPERS[1].paper_id,), text="routing") == ["Bravo"]
    assert titles(catalogue, (PAPERS[1].paper_id,), text="") == titles(catalogue)


def test_filters_and_pages_count_the_same_papers(catalogue: Catalogue):
    asked = Sheet(filters=Filters(source="A.BIB"), sort="title", descending=False, limit=1)
    total, [first], sources = catalogue.sheet(asked)
    assert (total, first.title) == (2, "charlie 100%")
    assert sources == {first.paper_id: ["a.bib", "b.ris"]}
    total, [second], _ = catalogue.sheet(asked.model_copy(update={"offset": 1}))
    assert (total, second.title) == (2, "Delta_x")
    assert titles(catalogue, undated=True, sort="title") == ["delta", "charlie 100%"]
    assert titles(catalogue, filters={"since": "2024-01-01", "organisation": "acme"}) == ["alpha"]


@given(st.sampled_from(["title", "date", "upvotes"]), st.booleans(), st.integers(1, 6))
def test_pages_laid_end_to_end_hold_each_paper_once(
    catalogue: Catalogue, sort: str, descending: bool, limit: int
):
    order = {"sort": sort, "descending": descending}
    pages = [
        title
        for offset in range(0, 6, limit)
        for title in titles(catalogue, **order, offset=offset, limit=limit)
    ]
    assert sorted(pages) == sorted(each.title for each in PAPERS)


def test_only_columns_of_the_table_can_be_sorted_by():
    with pytest.raises(ValidationError):
        Sheet.model_validate({"sort": "date; DROP TABLE papers"})


def test_papers_are_counted_by_what_their_records_say(catalogue: Catalogue):
    assert catalogue.tally("year") == [("2023", 1), ("2024", 2), (None, 2)]
    assert catalogue.tally("month") == [("2023-01", 1), ("2024-05", 2), (None, 2)]
    assert catalogue.tally("organisation") == [(None, 3), ("ACME", 1), ("Zeta", 1)]
    assert catalogue.tally("source") == [("a.bib", 2), ("b.ris", 1)]


def test_a_year_alone_is_counted_by_year_and_sorted_before_its_days(tmp_path: Path):
    made = Catalogue(tmp_path / "catalogue.sqlite", create=True)
    dates = {"A": DAY, "B": PartialDate(2024), "C": PartialDate(2024, 5), "D": None}
    own = [described(title, date=date) for title, date in dates.items()]
    made.save([(each, []) for each in own], {})
    made.mark_indexed(own)
    assert made.tally("year") == [("2024", 3), (None, 1)]
    assert made.tally("month") == [("2024-05", 2), (None, 2)]
    assert titles(made, sort="date", descending=False) == ["B", "C", "A", "D"]


def test_papers_without_token_embeddings_are_like_no_other(tmp_path: Path):
    index = filled_index(tmp_path)
    assert index.multivector.similar("title:alpha", 5) == []


def test_the_best_liked_come_first_and_then_the_newest(catalogue: Catalogue):
    liked = [paper.title for paper in catalogue.most_liked(4)]
    assert liked == ["delta", "alpha", "Bravo", "Delta_x"]
    assert len(catalogue.most_liked(100)) == len(PAPERS)
