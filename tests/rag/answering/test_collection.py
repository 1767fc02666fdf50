"""Questions about the records themselves, by numbers counted by hand."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from footnote.rag.answering.collection import answer_from_catalogue
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Answer, Block, Paper, Sighting
from footnote.rag.core.request import Kind, Operation, Request
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.catalogue import Catalogue
from tests.rag.index.small import paper as plain_paper


class Nearby:
    """What a search would find."""

    def __init__(self, found: Sequence[Evidence]):
        self._found = found

    def order(self) -> list[str]:
        return [e.paper.paper_id for e in self._found]

    def evidence(self) -> Sequence[Evidence]:
        return self._found


class Asking:
    """A catalogue and the words of the same papers, asked one thing after another."""

    def __init__(self, folder: Path, *papers: Paper):
        self.catalogue = Catalogue(folder / "catalogue.sqlite", create=True)
        self.catalogue.save([(p, []) for p in papers], {})
        self.catalogue.switch("snapshot")
        self.words = BM25Index(folder / "bm25")
        self.words.replace(papers)
        self.papers = {p.paper_id: p for p in papers}
        self.near: list[Evidence] = []
        """What comes near any topic."""

    def __call__(
        self,
        operation: Operation | None,
        topic: str = "",
        *,
        skip: int = 0,
        asked: Mapping[str, object] = MappingProxyType({}),
        **filters: object,
    ) -> Answer:
        fields = {
            "question": "what is asked?",
            "kind": Kind.CATALOGUE,
            "topic": topic,
            "filters": filters,
            "operation": operation,
        }
        request = Request.model_validate(fields | dict(asked))
        answer = answer_from_catalogue(
            request, self.catalogue, self.words, Nearby(self.near), skip=skip
        )
        self.check(answer, request)
        return answer

    def check(self, answer: Answer, request: Request) -> None:
        """Whatever was asked, what is shown holds together."""
        assert (answer.request, answer.question) == (request, request.question)
        assert (answer.mode, answer.confidence) == ("quote", None)
        assert answer.refused == (answer.reason is not None)
        assert [s.marker for s in answer.sources] == [*range(1, len(answer.sources) + 1)]
        assert all(s.title == self.papers[s.paper_id].title for s in answer.sources)
        used: list[int] = []
        for block in answer.blocks:
            assert all(len(row) == len(block.columns) for row in block.rows)
            used += [place for row in block.rows for cell in row for place in cell.sentences]
        assert used == [*range(len(answer.sentences))]
        for sentence in answer.sentences:
            [citation] = sentence.citations
            own = self.papers[citation.paper_id]
            assert own.abstract[citation.start : citation.end] == citation.quote == sentence.text
            assert answer.sources[citation.marker - 1].paper_id == own.paper_id
            assert f"{sentence.text} [{citation.marker}]" in answer.answer


def evidence(of: Paper, number: int = 0) -> Evidence:
    return Evidence(of, number, 0.9, 0.5, 0.5, (), leans=False, features={})


def paper(
    title: str, abstract: str = "It is short.", date: str | None = None, **known: object
) -> Paper:
    authors = known.get("authors", ())
    assert isinstance(authors, tuple)
    found = {"n_authors": len(authors) or None} | known
    found["date"] = date and datetime.date.fromisoformat(date)
    found["sightings"] = (Sighting(source=str(known.pop("source", "a.txt"))),)
    found.pop("source", None)
    return plain_paper(title, abstract).model_copy(update=found)


NOT_TOLD = (
    "Not on record: full texts, venues, languages, licences, what a field means beyond its name,"
    " who put the papers together, and when."
)
_OF_A_NAME = {Operation.AUTHORS, Operation.RECORD}

FIVE = (
    paper("Alpha", "We cache. Models are quantized to 4 bits. Quantizing helps.", "2024-05-01",
          organisation="ACME", upvotes=3, authors=("Ada Li", "Bo Ek"), source="b.txt"),
    paper("Bravo", "Quantization is costly.", "2023-01-31", organisation="acme", upvotes=12),
    paper("Charlie: Quantization", "It halves a model.", organisation="Other", n_authors=7),
    paper("Delta", "It routes.", "2024-05-01", withdrawn=True, date_inferred=True, upvotes=3),
    paper("Echo", "It is a model, quantized."),
)  # fmt: skip


@pytest.fixture
def five(tmp_path: Path) -> Asking:
    return Asking(tmp_path, *FIVE)


def table(answer: Answer, place: int = -1) -> list[list[str]]:
    block = answer.blocks[place]
    said = [[cell.text for cell in row] for row in block.rows]
    return [list(block.columns), *said]


def listed(answer: Answer) -> list[str]:
    return [row[0] for row in table(answer)[1:]] if answer.blocks else []


def test_a_count_says_how_many_of_how_many_and_lists_them_with_their_sentences(five: Asking):
    answer = five(Operation.COUNT, "quantization")
    said = (
        "4 of the 5 papers here say “quantization” or a form of it in title or abstract. 1 of these"
        " says it in the title."
    )
    assert [b.form for b in answer.blocks] == ["count", "table"]
    assert answer.blocks[0] == Block(form="count", text=said, n=4)
    assert table(answer) == [
        ["Paper", "Date", "Organisation", "Upvotes", "Says"],
        ["Charlie: Quantization", "", "Other", "", ""],
        ["Alpha", "2024-05-01", "ACME", "3", ""],
        ["Bravo", "2023-01-31", "acme", "12", ""],
        ["Echo", "", "", "", ""],
    ]
    assert [s.text for s in answer.sentences] == [
        "Models are quantized to 4 bits.",
        "Quantization is costly.",
        "It is a model, quantized.",
    ]
    assert answer.answer.splitlines() == [
        said,
        "- Charlie: Quantization (Other) [1]",
        "- Alpha (2024-05-01, ACME, 3 upvotes): Models are quantized to 4 bits. [2]",
        "- Bravo (2023-01-31, acme, 12 upvotes): Quantization is costly. [3]",
        "- Echo: It is a model, quantized. [4]",
    ]


def test_what_comes_near_in_other_words_is_listed_after_what_says_them(five: Asking):
    alpha, bravo, _, delta, _ = FIVE
    five.near = [evidence(delta), evidence(alpha, 1), evidence(bravo)]
    answer = five(Operation.LIST, "caching")
    assert answer.answer.splitlines() == [
        "1 of the 5 papers here says “caching” or a form of it in title or abstract.",
        "- Alpha (2024-05-01, ACME, 3 upvotes): We cache. [1]",
        "These come near without saying it, the nearest first.",
        "- Delta (2024-05-01 (year inferred), 3 upvotes): It routes. [2]",
        "- Bravo (2023-01-31, acme, 12 upvotes): Quantization is costly. [3]",
    ]
    assert [b.text for b in answer.blocks[1:]] == [
        None,
        "These come near without saying it, the nearest first.",
    ]
    # None says it.
    for operation in (Operation.LIST, Operation.COUNT, Operation.NEWEST):
        answer = five(operation, "zebras")
        assert not answer.refused
        assert answer.answer.splitlines()[:3] == [
            "No paper here says “zebras” or a form of it in title or abstract.",
            "These come near without saying it, the nearest first.",
            "- Delta (2024-05-01 (year inferred), 3 upvotes): It routes. [1]",
        ]
        assert listed(answer) == ["Delta", "Alpha", "Bravo"]
    # No more of them follow what was shown.
    assert five(Operation.LIST, "caching", skip=4).refused
    # Of what comes near, too, as many as are asked for.
    newest = five(Operation.NEWEST, "zebras", asked={"limit": 1})
    assert (newest.refused, listed(newest)) == (False, ["Delta"])
    # One that was asked for is enough.
    assert listed(five(Operation.LIST, "caching", asked={"limit": 1})) == ["Alpha"]
    assert listed(five(Operation.LIST)) == [
        "Alpha",
        "Bravo",
        "Charlie: Quantization",
        "Delta",
        "Echo",
    ]


@pytest.mark.parametrize(
    ("topic", "filters", "expected"),
    [
        ("", {}, "There are 5 papers here."),
        ("zebras", {}, "No paper here says “zebras” or a form of it in title or abstract."),
        ("routing", {}, "1 of the 5 papers here says “routing” or a form of it in title or abstract."),
        (
            "quantized models",
            {},
            "3 of the 5 papers here say each word of “quantized models”, or a form of it, in title or"
            " abstract.",
        ),
        (
            "",
            {"since": "2024-01-01"},
            "2 of the 5 papers here are dated 2024-01-01 or later. 2 of the 5 have no date.",
        ),
        (
            "quantization",
            {"until": "2023-12-31"},
            "1 of the 5 papers here is dated 2023-12-31 or earlier and says “quantization” or a form of"
            " it in title or abstract. 4 say it in all. 2 of the 4 that fit otherwise have no date.",
        ),
        (
            "",
            {"since": "2024-05-01", "until": "2024-05-01", "withdrawn": False},
            "1 of the 5 papers here is dated 2024-05-01 to 2024-05-01 and is not marked as"
            " withdrawn or retracted. 2 of the 4 that fit otherwise have no date.",
        ),
        (
            "",
            {"organisation": "Acme"},
            "2 of the 5 papers here have the organisation Acme. 2 of the 5 have no organisation.",
        ),
        ("", {"source": "B."}, "1 of the 5 papers here was seen in “B.”."),
        ("", {"withdrawn": True}, "1 of the 5 papers here is marked as withdrawn or retracted."),
        (
            "",
            {"author": "li"},
            "1 of the 5 papers here has an author called “li”. 4 of the 5 have no names of authors.",
        ),
        (
            "",
            {"organisation": "other"},
            "1 of the 5 papers here has the organisation other. 2 of the 5 have no organisation.",
        ),
        (
            "",
            {"min_upvotes": 4},
            "1 of the 5 papers here has at least 4 upvotes. 2 of the 5 have no upvotes on record.",
        ),
        (
            "",
            {"max_upvotes": 0},
            "No paper here has 0 upvotes. 2 of the 5 have no upvotes on record.",
        ),
        (
            "",
            {"min_authors": 2, "max_authors": 2},
            "1 of the 5 papers here has 2 authors. 3 of the 5 have no number of authors on record.",
        ),
        ("", {"untold": ["date"]}, "2 of the 5 papers here have no date."),
        (
            "",
            {"told": ["upvotes", "organisation"]},
            "2 of the 5 papers here have upvotes on record and have an organisation.",
        ),
        (
            "quantization",
            {"without": ["4 bits", "halving"]},
            "2 of the 5 papers here say “quantization” or a form of it in title or abstract and do"
            " not say “4 bits” or “halving” in title or abstract.",
        ),
        (
            "",
            {"without": ["Acme"]},
            "3 of the 5 papers here are not of Acme.",
        ),
        (
            "",
            {"organisation": "other", "other_organisations": ["Acme", "nobody"]},
            "3 of the 5 papers here have the organisation other or Acme or nobody. 2 of the 5 have"
            " no organisation.",
        ),
        (
            "",
            {"source": "b.t", "other_sources": ["c.txt"]},
            "1 of the 5 papers here was seen in “b.t” or “c.txt”.",
        ),
        (
            "",
            {"told": ["authors"]},
            "2 of the 5 papers here have a number of authors. 1 of these names them.",
        ),
        ("the of", {"without": ["of"]}, "There are 5 papers here."),
    ],
)  # fmt: skip
def test_what_is_counted_is_said_exactly(five: Asking, topic: str, filters: dict, expected: str):
    answer = five(Operation.COUNT, topic, **filters)
    assert not answer.refused
    assert answer.blocks[0].text == expected
    assert answer.answer.splitlines()[0] == expected


def test_papers_with_a_web_address_show_it(tmp_path: Path):
    asking = Asking(
        tmp_path, paper("Alpha", "It is fast. Code: https://a.org/b."), paper("Bravo", "A.B. is a.")
    )
    assert asking(Operation.LIST, told=["link"]).answer.splitlines() == [
        "1 of the 2 papers here has a web address in the abstract.",
        "- Alpha: Code: https://a.org/b. [1]",
    ]
    assert listed(asking(Operation.LIST, untold=["link"])) == ["Bravo"]


def test_where_the_title_alone_counts_it_alone_leaves_out(five: Asking):
    asked = {"in_title": True}
    assert listed(five(Operation.LIST, "quantization", asked=asked, without=["model"])) == [
        "Charlie: Quantization"
    ]
    left = five(Operation.LIST, "quantization", asked=asked, without=["charlie"])
    assert listed(left) == ["Alpha", "Bravo", "Echo"]  # said in the abstracts


def test_what_no_title_says_is_looked_for_in_the_abstracts(five: Asking):
    answer = five(Operation.COUNT, "caching", asked={"in_title": True})
    [said, row] = answer.answer.splitlines()
    assert said == "No paper here says “caching” or a form of it in the title. 1 abstract says it:"
    assert row.startswith("- Alpha")
    assert five(Operation.LIST, "zebras", asked={"in_title": True}).refused


def test_titles_that_begin_with_something(tmp_path: Path):
    asking = Asking(
        tmp_path,
        paper("Towards Faster Caches"),
        paper("Rethinking Caches"),
        paper("A Step Towards Caches", "Towards more."),
    )
    begins = {"in_title": True, "begins": True}
    answer = asking(Operation.COUNT, "towards", asked=begins)
    assert answer.answer.splitlines() == [
        "1 of the 3 papers here has a title that begins with “towards”.",
        "- Towards Faster Caches [1]",
    ]
    either = asking(Operation.LIST, asked=begins | {"sides": ["Towards", "Rethinking"]})
    assert sorted(listed(either)) == ["Rethinking Caches", "Towards Faster Caches"]
    assert asking(Operation.LIST, "caches", asked=begins).refused


def seen(title: str, *sources: str, **known: object) -> Paper:
    sightings = tuple(Sighting(source=source) for source in sources)
    return paper(title).model_copy(update={"sightings": sightings} | known)


day = datetime.date


@pytest.fixture
def lists(tmp_path: Path) -> Asking:
    return Asking(
        tmp_path,
        seen("Alpha", "a.txt", "b.txt", date=day(2023, 5, 1), upvotes=3, n_authors=2),
        seen(
            "Bravo", "a.txt", "b.txt", "c.txt", date=day(2024, 2, 1), upvotes=9, organisation="ACME"
        ),
        seen(
            "Charlie", "c.txt", date=day(2024, 2, 20), upvotes=4, n_authors=4, organisation="Acme"
        ),
        seen("Delta", "c.txt", date=PartialDate(2023), upvotes=1, organisation="Other"),
    )


def test_papers_that_were_seen_in_the_most_sources_come_first(lists: Asking):
    answer = lists(Operation.MOST_SEEN)
    assert table(answer) == [
        ["Paper", "Date", "Organisation", "Upvotes", "Seen in"],
        ["Bravo", "2024-02-01", "ACME", "9", "a.txt, b.txt, c.txt"],
        ["Alpha", "2023-05-01", "", "3", "a.txt, b.txt"],
    ]
    assert answer.answer.splitlines()[0] == (
        "The papers here, those seen in the most sources first, in up to 3. 2 were seen in more than"
        " one."
    )
    assert listed(lists(Operation.LIST, min_sources=2)) == ["Alpha", "Bravo"]
    alone = lists(Operation.COUNT, max_sources=1)
    assert alone.answer.startswith("2 of the 4 papers here were seen in at most 1 source.")
    alone = lists(Operation.MOST_SEEN, max_sources=1).answer
    assert alone.startswith(
        "None of the papers here that were seen in at most 1 source was seen in"
    )


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


def test_no_paper_is_a_count_and_no_list(five: Asking):
    none = five(Operation.COUNT, "zebras")
    assert (none.refused, none.sources, len(none.blocks)) == (False, (), 1)
    for operation in set(Operation) - _OF_A_NAME - {Operation.COUNT, Operation.UNRECORDED}:
        answer = five(operation, "zebras")
        said = "No paper here says “zebras” or a form of it in title or abstract."
        assert (answer.refused, answer.reason) == (True, said), operation


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (Operation.LIST, ["Alpha", "Bravo", "Charlie: Quantization", "Delta", "Echo"]),
        (None, ["Alpha", "Bravo", "Charlie: Quantization", "Delta", "Echo"]),
        (Operation.NEWEST, ["Alpha", "Delta", "Bravo"]),
        (Operation.OLDEST, ["Bravo", "Alpha", "Delta"]),
        (Operation.MOST_UPVOTED, ["Bravo", "Alpha", "Delta"]),
    ],
)
def test_papers_are_in_order_and_equals_by_title(
    five: Asking, operation: Operation, expected: list[str]
):
    assert listed(five(operation)) == expected


def test_a_year_alone_is_a_date(tmp_path: Path):
    vague = [
        plain_paper(title, "It is short.").model_copy(update={"date": date})
        for title, date in (
            ("Foxtrot", PartialDate(2024)),
            ("Golf", PartialDate(2023, 5)),
            ("Hotel", datetime.date(2024, 2, 1)),
            ("India", None),
        )
    ]
    asking = Asking(tmp_path, *vague)
    # 2024 is before each day of 2024, and none is made up.
    assert listed(asking(Operation.NEWEST)) == ["Hotel", "Foxtrot", "Golf"]
    assert listed(asking(Operation.OLDEST)) == ["Golf", "Foxtrot", "Hotel"]
    assert table(asking(Operation.LIST))[1:] == [
        ["Foxtrot", "2024"], ["Golf", "2023-05"], ["Hotel", "2024-02-01"], ["India", ""],
    ]  # fmt: skip
    assert table(asking(Operation.BY_YEAR), 1)[1:] == [
        ["2024", "2"],
        ["2023", "1"],
        ["not known", "1"],
    ]
    assert listed(asking(Operation.LIST, since=datetime.date(2024, 1, 1))) == ["Hotel", "Foxtrot"]
    within = asking(Operation.COUNT, since=datetime.date(2024, 2, 1))
    assert listed(within) == ["Hotel"]
    assert within.blocks[0].text == (
        "1 of the 4 papers here is dated 2024-02-01 or later. 1 of the 4 has no date. 1 of the 4 has"
        " no exact day on record."
    )
    about = asking(Operation.ABOUT).blocks[0].text
    assert about == (
        "There are 4 papers here. No two have the same title. The dates on record are 2023-05 to"
        f" 2024-02-01. {NOT_TOLD}"
    )


def test_an_order_says_what_is_not_known(five: Asking):
    newest = five(Operation.NEWEST)
    assert newest.blocks[0].text == "The papers here, newest first. 2 of the 5 have no date."
    assert newest.answer.splitlines()[2] == "- Delta (2024-05-01 (year inferred), 3 upvotes) [2]"
    assert newest.sources[1].withdrawn == ""
    upvoted = five(Operation.MOST_UPVOTED, "quantization").blocks[0].text or ""
    assert upvoted.endswith(
        "in title or abstract, most upvotes first. 2 of the 4 have no upvotes on record."
    )


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


def test_what_no_record_tells_is_a_refusal(tmp_path: Path):
    asking = Asking(tmp_path, paper("Alpha"), paper("Bravo"))
    reasons = {
        Operation.NEWEST: "None of the papers here has a date.",
        Operation.OLDEST: "None of the papers here has a date.",
        Operation.BY_YEAR: "None of the papers here has a date.",
        Operation.MOST_UPVOTED: "None of the papers here has upvotes on record.",
        Operation.BY_ORGANISATION: "None of the papers here has an organisation.",
        Operation.AUTHORS: "None of the records of the 2 papers asked about names its authors.",
    }
    assert {operation: asking(operation).reason for operation in reasons} == reasons
    one = asking(Operation.NEWEST, "alpha").reason
    assert one == (
        "The paper here that says “alpha” or a form of it in title or abstract has no date."
    )
    nobody = asking(Operation.AUTHORS, author="Li")
    assert nobody.reason == "None of the records of the 2 papers asked about names its authors."


def test_who_wrote_a_paper_is_told_as_far_as_it_is_known(five: Asking):
    by_title = five(Operation.AUTHORS, "alpha")
    assert by_title.answer == "“Alpha” is by Ada Li and Bo Ek. [1]"
    assert table(by_title)[0] == ["Paper", "Date", "Organisation", "Upvotes", "Authors"]
    assert table(by_title)[1][-1] == "Ada Li, Bo Ek"
    number = five(Operation.AUTHORS, "charlie quantization")
    assert number.answer == (
        "“Charlie: Quantization” has 7 authors, whose names its record does not tell. [1]"
    )
    unknown = five(Operation.AUTHORS, "bravo")
    assert (unknown.refused, unknown.reason) == (True, "The record of “Bravo” names no authors.")
    several = five(
        Operation.AUTHORS, asked={"refers_to": ("title:echo", "title:alpha", "title:gone")}
    )
    assert several.answer.splitlines() == [
        "The record of “Echo” names no authors. [1]",
        "“Alpha” is by Ada Li and Bo Ek. [2]",
    ]
    nowhere = five(Operation.AUTHORS, "xylophone orchestra")
    assert nowhere.refused
    assert nowhere.reason == "No paper here is called “xylophone orchestra”, and none says it."
    # A paper's name, taken for that of an author.
    assert five(Operation.AUTHORS, author="Alpha").answer.startswith("“Alpha” is by")
    misspelt = five(Operation.AUTHORS, "alpa")
    assert misspelt.answer.splitlines() == [
        "No paper says “alpa”; “alpha” was looked for.",
        "“Alpha” is by Ada Li and Bo Ek. [1]",
    ]
    # What else is said of a paper that is named does not make it another one.
    assert five(Operation.RECORD, "alpha", author="Nobody").answer.startswith("“Alpha” is dated")


def test_what_an_author_wrote_is_listed_and_everybody_where_nobody_is_named(five: Asking):
    assert listed(five(Operation.AUTHORS, author="ada")) == ["Alpha"]
    nobody = five(Operation.AUTHORS, author="Nobody")
    assert nobody.reason == (
        "No paper here has an author called “Nobody”. 4 of the 5 have no names of authors."
    )
    everybody = five(Operation.AUTHORS)
    assert everybody.blocks[0].text == (
        "The papers here name 2 authors. 4 of the 5 have no names of authors."
    )
    assert table(everybody) == [["Author", "Papers"], ["Ada Li", "1"], ["Bo Ek", "1"]]
    assert listed(five(Operation.AUTHORS, organisation="acme")) == ["Alpha", "Bravo"]
    assert listed(five(Operation.AUTHORS, max_authors=2)) == ["Alpha"]


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


def test_any_of_several_topics_will_do_and_each_is_counted(five: Asking):
    either = five(Operation.COUNT, asked={"sides": ["caching", "routing", "quantization"]})
    assert listed(either) == ["Charlie: Quantization", "Alpha", "Bravo", "Delta", "Echo"]
    assert either.blocks[0].text == (
        "5 of the 5 papers here say “caching” or “routing” or “quantization” or a form of it in title"
        " or abstract. 1 of these says it in the title. “quantization”: 4, “caching”: 1, “routing”: 1."
    )
    both = five(Operation.LIST, "model", asked={"sides": ["caching", "halves"]})
    assert listed(both) == ["Alpha", "Charlie: Quantization"]


def test_a_topic_of_the_title_is_looked_for_in_no_abstract(five: Asking):
    answer = five(Operation.COUNT, "quantized", asked={"in_title": True})
    assert listed(answer) == ["Charlie: Quantization"]
    assert answer.answer.splitlines() == [
        "1 of the 5 papers here says “quantized” or a form of it in the title.",
        "- Charlie: Quantization (Other) [1]",
    ]


def test_as_many_are_listed_as_are_asked_for(five: Asking):
    newest = five(Operation.NEWEST, asked={"limit": 1})
    assert newest.answer.splitlines() == [
        "The newest of the papers here. 1 more is level with the last. 2 of the 5 have no date.",
        "- Alpha (2024-05-01, ACME, 3 upvotes) [1]",
    ]
    assert newest.blocks[-1].n_more == 2
    top = five(Operation.MOST_UPVOTED, asked={"limit": 2})
    assert listed(top) == ["Bravo", "Alpha"]
    assert (top.blocks[0].text or "").startswith("The 2 most upvoted of the papers here.")
    assert listed(five(Operation.NEWEST, asked={"limit": 2}, skip=2)) == ["Bravo"]


def test_of_words_that_no_paper_has_together_those_that_tell_most_are_looked_for(tmp_path: Path):
    asking = Asking(
        tmp_path,
        paper("DiLoCo"), paper("More DiLoCo"), paper("A line"), paper("B line"), paper("C line"),
    )  # fmt: skip
    lines = asking(Operation.LIST, "DiLoCo line").answer.splitlines()
    assert lines[0] == (
        "No paper says each word of “DiLoCo line”; “DiLoCo” was looked for. 2 of the 5 papers here"
        " say “DiLoCo” or a form of it in title or abstract."
    )
    # What no paper has tells most.
    assert "looked for" not in asking(Operation.COUNT, "xylophone line").answer
    assert asking(Operation.LIST, "xylophone zebra").refused
    assert "looked for" not in asking(Operation.RECORD, "DiLoCo line").answer


def test_papers_on_a_topic_that_have_no_date_come_last(five: Asking):
    assert listed(five(Operation.NEWEST, "quantization")) == [
        "Alpha", "Bravo", "Charlie: Quantization", "Echo"
    ]  # fmt: skip
    assert listed(five(Operation.NEWEST)) == ["Alpha", "Delta", "Bravo"]
    assert listed(five(Operation.OLDEST, "quantization", asked={"limit": 3})) == ["Bravo", "Alpha"]


def test_a_word_cut_short_is_that_of_titles_which_begins_so(tmp_path: Path):
    titles = ("Disaggregated Memory", "Disaggregating Prefill", "Disaggregated Serving", "Caches")
    asking = Asking(tmp_path, *(paper(title) for title in titles))
    assert asking(Operation.COUNT, "disagg").answer.splitlines()[0] == (
        "No paper says “disagg”; “disaggregated” was looked for. 3 of the 4 papers here say"
        " “disaggregated” or a form of it in title or abstract."
    )
    # Three letters begin too many.
    assert asking(Operation.COUNT, "dis").answer.startswith("No paper here says “dis”")


def test_a_slip_is_mended_where_a_title_has_the_word(five: Asking):
    answer = five(Operation.COUNT, "quantizaton")
    assert answer.blocks[0].n == 4
    assert (answer.blocks[0].text or "").startswith(
        "No paper says “quantizaton”; “quantization” was looked for. 4 of the 5 papers here say"
    )
    assert five(Operation.NEWEST, "Quantisation model").answer.startswith(
        "No paper says “Quantisation model”; “quantization model” was looked for. The papers here"
    )
    assert five(Operation.COUNT, "quarantine").blocks[0].n == 0


def test_a_bare_count_of_more_than_a_page_lists_none_until_it_is_asked_to(tmp_path: Path):
    asking = Asking(tmp_path, *(paper(f"Paper {n}") for n in range(13)))
    assert not asking(Operation.COUNT).sources
    assert len(asking(Operation.COUNT, asked={"act": "more"}).sources) == 12


def test_papers_of_days_come_newest_first(five: Asking):
    assert listed(five(Operation.LIST, since="2020-01-01")) == ["Alpha", "Delta", "Bravo"]


def test_the_largest_groups_of_authors_are_told_by_number(five: Asking):
    answer = five(Operation.MOST_AUTHORS)
    assert table(answer) == [
        ["Paper", "Date", "Organisation", "Upvotes", "Authors"],
        ["Charlie: Quantization", "", "Other", "", "7 authors"],
        ["Alpha", "2024-05-01", "ACME", "3", "2 authors"],
    ]
    assert answer.answer.splitlines()[1] == "- Charlie: Quantization (Other, 7 authors) [1]"


def test_papers_are_counted_by_where_they_were_seen(five: Asking):
    assert table(five(Operation.BY_SOURCE)) == [
        ["Seen in", "Papers"],
        ["a.txt", "4"],
        ["b.txt", "1"],
    ]


def test_what_the_record_of_a_paper_tells_and_does_not(five: Asking):
    assert five(Operation.RECORD, "alpha").answer == (
        "“Alpha” is dated 2024-05-01, has the organisation ACME, has 3 upvotes, has 2 authors, is by"
        " Ada Li and Bo Ek and was seen in b.txt. [1]"
    )
    # Its name, and no title that merely speaks of it.
    assert five(Operation.RECORD, "charlie").answer == (
        "“Charlie: Quantization” has the organisation Other, has 7 authors and was seen in a.txt. Its"
        " record tells no date, upvotes on record or names of authors. [1]"
    )
    assert "was withdrawn or retracted" in five(Operation.RECORD, "delta").answer
    nowhere = five(Operation.RECORD, "halves")
    assert nowhere.answer.splitlines() == [
        "1 paper here says “halves” in the abstract; it is not called so.",
        "- Charlie: Quantization (Other, 7 authors): It halves a model. [1]",
    ]
    five.near = [evidence(FIVE[3])]
    assert five(Operation.RECORD, "xylophone orchestra").answer.splitlines() == [
        "No paper here is called “xylophone orchestra”, and none says it.",
        "These come near without saying it, the nearest first.",
        "- Delta (2024-05-01 (year inferred), 3 upvotes): It routes. [1]",
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
    nothing = five(Operation.FIGURES, "echo").reason
    assert nothing is not None
    assert nothing.startswith("No record of the paper here that says “echo”")


def test_what_no_record_holds_is_said_with_what_they_tell(five: Asking):
    answer = five(Operation.UNRECORDED, "citations", asked={"question": "how many citations?"})
    assert answer.refused
    assert answer.answer == (
        "The records here do not tell “citations”. Of 5 papers they tell a date (3), an organisation"
        " (3), upvotes (3), a number of authors (2) and the names of authors (1)."
    )


def test_the_rest_comes_twelve_at_a_time(tmp_path: Path):
    papers = [
        paper(f"Paper {n:02}", f"It is number {n}.", f"20{n:02}-01-01", organisation=f"O{n:02}")
        for n in range(25)
    ]
    asking = Asking(tmp_path, *papers)
    titles = [p.title for p in papers]
    first = asking(Operation.LIST)
    assert listed(first) == titles[:12]
    assert (first.blocks[-1].n_more, first.answer.splitlines()[-1]) == (13, "and 13 more")
    second = asking(Operation.LIST, skip=12)
    assert listed(second) == titles[12:24]
    assert second.blocks[0].text == "Papers 13 to 24 of 25."
    last = asking(Operation.LIST, skip=24)
    assert (listed(last), last.blocks[0].text) == (titles[24:], "Paper 25 of 25.")
    assert last.blocks[-1].n_more == 0
    over = asking(Operation.LIST, skip=36)
    assert (over.refused, over.reason) == (True, "There are no more: all 25 were shown.")
    assert listed(asking(Operation.NEWEST, skip=12)) == titles[12::-1][:12]
    for operation in (Operation.BY_ORGANISATION, Operation.BY_YEAR):
        pages = [listed(asking(operation, skip=skip)) for skip in (0, 12, 24)]
        assert list(map(len, pages)) == [12, 12, 1]
        assert len({*pages[0], *pages[1], *pages[2]}) == 25
        assert asking(operation, skip=36).reason == "There are no more: all 25 were shown."
    assert asking(Operation.COUNT, "zebra", skip=12).refused


def test_of_twenty_papers_and_more_the_share_is_told(tmp_path: Path):
    papers = [paper(f"Paper {n}", "It caches." if n < 3 else "It routes.") for n in range(20)]
    asking = Asking(tmp_path, *papers)
    said = asking(Operation.COUNT, "caching").answer
    assert said.startswith("3 of the 20 papers here (15%) say “caching”")


def test_thousands_are_separated(tmp_path: Path):
    papers = [paper(f"Paper {n}", upvotes=1_000 + n) for n in range(1_001)]
    asking = Asking(tmp_path, *papers)
    answer = asking(Operation.MOST_UPVOTED)
    assert answer.blocks[-1].n_more == 989
    assert answer.answer.splitlines()[1] == "- Paper 1000 (2,000 upvotes) [1]"
    assert asking(Operation.COUNT).blocks[0].text == "There are 1,001 papers here."


def test_one_paper_is_spoken_of_as_one(tmp_path: Path):
    asking = Asking(tmp_path, paper("Alpha", "It caches.", organisation="ACME"))
    assert asking(Operation.COUNT).blocks[0].text == "There is 1 paper here."
    said = "The one paper here says “caching” or a form of it in title or abstract."
    assert asking(Operation.COUNT, "caching").blocks[0].text == said
    dated = asking(Operation.COUNT, since="2024-01-01").blocks[0].text
    assert dated == ("No paper here is dated 2024-01-01 or later. The one paper has no date.")


def test_a_name_that_no_paper_has_is_not_passed_over(tmp_path: Path):
    asking = Asking(
        tmp_path,
        paper("Faster Ring Attention for Causal Transformers of Any Length", "It is fast."),
        paper(
            "FlashAttention-2: Better Parallelism", "It is 3 times as fast.", organisation="ACME"
        ),
    )
    [said, *_] = asking(Operation.RECORD, "ring attention").answer.splitlines()
    assert said == "1 paper here says “ring attention” in the title; it is not called so."
    assert (
        "was seen in a.txt. Its record tells no date"
        in asking(Operation.RECORD, "ring attention").answer
    )
    # Both of its words are said, but nowhere in a row.
    [said, *_] = asking(Operation.RECORD, "FlashAttention-3").answer.splitlines()
    assert said == "No title here has “FlashAttention-3”; the one most like it is told of."
    slip, said, _ = asking(Operation.RECORD, "FlashAttenion-3").answer.splitlines()
    assert slip == "No paper says “FlashAttenion-3”; “flashattention-3” was looked for."
    assert said == "No title here has “flashattention-3”; the one most like it is told of."
    # The name itself, or most of it.
    for name in ("FlashAttention-2", "flashattention better parallelism"):
        assert asking(Operation.RECORD, name).answer.startswith("“FlashAttention-2: Better"), name
    # An organisation, taken for a paper.
    assert asking(Operation.RECORD, "ACME").answer.splitlines() == [
        "No title here is like “ACME”. 1 record names an organisation so called.",
        "- FlashAttention-2: Better Parallelism (ACME) [1]",
    ]
    # Whose it is cannot be asked of these records, and is no reason to deny them.
    [said, *_] = asking(Operation.RECORD, "FlashAttention-2", author="Dao").answer.splitlines()
    assert said == "No record here names authors, such as “Dao”."


def test_a_name_that_abstracts_say_is_sought_in_them_the_nearest_first(tmp_path: Path):
    papers = [
        paper("Bravo: a Study of vLLM", "It is measured."),
        paper("Paged Attention", "We build vLLM on it."),
        paper("Alpha", "It beats vLLM by far."),
    ]
    asking = Asking(tmp_path, *papers)
    asking.near = [evidence(papers[1])]
    assert asking(Operation.RECORD, "vLLM").answer.splitlines() == [
        "3 papers here say “vLLM”, 1 of them in the title; none is called so.",
        "- Paged Attention: We build vLLM on it. [1]",
        "- Alpha: It beats vLLM by far. [2]",
        "- Bravo: a Study of vLLM [3]",
    ]


def test_papers_that_speak_of_an_organisation_are_told_from_its_own(tmp_path: Path):
    asking = Asking(tmp_path, paper("Alpha", "It runs on ACME chips."), paper("Bravo"))
    said = (
        "No paper here has the organisation acme. 2 of the 2 have no organisation. Titles or abstracts"
        " that speak of it: “acme” 1."
    )
    for operation in (Operation.COUNT, Operation.LIST):
        found = asking(operation, organisation="acme")
        assert found.answer.splitlines() == [said, "- Alpha [1]"]
        assert found.blocks[0].n == 0


def test_an_abbreviation_is_what_it_stands_for(tmp_path: Path):
    asking = Asking(
        tmp_path,
        paper("Mixture-of-Experts on Phones", "It is fast."),
        paper("Bravo", "Mixtures of experts (MoEs) are large. A MoE is trained."),
        paper("Charlie", "It is trained."),
    )
    said = "in title or abstract. 1 of these says it in the title."
    short = asking(Operation.COUNT, "MoE")
    assert short.blocks[0].text == (
        f"2 of the 3 papers here say “MoE” (“Mixtures of experts”) or a form of it {said}"
    )
    assert listed(short) == ["Mixture-of-Experts on Phones", "Bravo"]
    long = asking(Operation.COUNT, "mixture of experts")
    assert long.blocks[0].text == (
        "2 of the 3 papers here say each word of “mixture of experts” (“MoE”), or a form of it,"
        f" {said}"
    )


def test_a_title_of_the_words_themselves_comes_before_one_of_other_forms(tmp_path: Path):
    asking = Asking(tmp_path, paper("Adaptive Routes"), paper("Adapters"), paper("Adapter Routes"))
    found = listed(asking(Operation.LIST, "adapter"))
    assert found == ["Adapter Routes", "Adapters", "Adaptive Routes"]


def test_each_year_of_a_few_is_counted(five: Asking):
    few = {"since": datetime.date(2023, 1, 1), "until": datetime.date(2024, 12, 31)}
    assert (five(Operation.COUNT, **few).blocks[0].text or "").endswith(
        "no date. 2023: 1, 2024: 2."
    )
    one = few | {"since": datetime.date(2024, 1, 1)}
    assert (five(Operation.COUNT, **one).blocks[0].text or "").endswith("no date.")


def test_a_title_that_ends_with_a_name_is_another(tmp_path: Path):
    asking = Asking(tmp_path, paper("Gamma: Paging Is All You Need"), paper("Bravo"))
    found = asking(Operation.RECORD, "Paging is all you need").answer
    assert found.startswith("1 paper here says “Paging is all you need” in the title; it is not")


def test_several_names_are_sought_each_by_itself(tmp_path: Path):
    papers = [paper("Flash-2: Faster", "It beats GPTQ."), paper("Flash-20", "It is short.")]
    asking = Asking(tmp_path, *papers)
    found = asking(Operation.RECORD, asked={"sides": ["Flash 1", "2", "GPTQ"]})
    assert found.answer.splitlines()[0] == (
        "Titles or abstracts say “GPTQ” 1; no paper is called so. No paper here is called “Flash 1”,"
        " and none says it."
    )
    assert found.answer.splitlines()[1].startswith("“Flash-2: Faster” was seen in a.txt.")
    mentioned = asking(Operation.RECORD, asked={"sides": ["AWQ", "GPTQ"]}).answer
    assert mentioned.splitlines() == [
        "Titles or abstracts say “GPTQ” 1; no paper is called so. No paper here is called “AWQ”, and"
        " none says it.",
        "- Flash-2: Faster: It beats GPTQ. [1]",
    ]
    nowhere = asking(Operation.RECORD, asked={"sides": ["AWQ", "OPQ"]})
    assert nowhere.reason == "No paper here is called “AWQ” or “OPQ”, and none says it."


def test_parts_of_a_topic_that_stand_apart_are_counted_each(five: Asking):
    asked = {"parts": ["routes", "quantization"]}
    none = five(Operation.COUNT, "routes quantization", asked=asked)
    assert none.answer.splitlines() == [
        "No paper here says each word of “routes quantization”, or a form of it, in title or abstract."
        " Each by itself, of all papers: “routes” 1, “quantization” 4. Those of “routes”:",
        "- Delta (2024-05-01 (year inferred), 3 upvotes) [1]",
    ]
    assert none.blocks[0].n == 0
    # Where all papers that say one say the other, too, there is nothing more to tell.
    asked = {"parts": ["delta", "routes"]}
    assert "by itself" not in five(Operation.COUNT, "delta routes", asked=asked).answer


def test_what_no_record_tells_may_be_said_by_papers(five: Asking):
    answer = five(Operation.UNRECORDED, "caching", asked={"question": "which use caching?"})
    assert answer.answer.splitlines()[1:] == [
        "- Alpha (2024-05-01, ACME, 3 upvotes): We cache. [1]"
    ]
    said = answer.blocks[0].text or ""
    assert said.startswith("The records here do not tell “caching”. Of 5 papers they tell")
    assert said.endswith(
        "1 of the 5 papers here says “caching” or a form of it in title or abstract."
    )
