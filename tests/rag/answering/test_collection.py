"""Questions about the records themselves, by numbers counted by hand."""

import datetime
from pathlib import Path

import pytest

from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Block
from footnote.rag.core.request import Operation
from tests.rag.answering.conftest import (
    FIVE,
    NOT_TOLD,
    Asking,
    evidence,
    listed,
    paper,
    table,
)
from tests.rag.index.small import paper as plain_paper

_OF_A_NAME = {Operation.AUTHORS, Operation.RECORD}


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


def test_papers_that_were_seen_in_the_most_sources_come_first(lists: Asking):
    answer = lists(Operation.MOST_SEEN)
    assert table(answer) == [
        ["Paper", "Date", "Organisation", "Upvotes", "Seen in"],
        ["Bravo", "2024-02-01", "ACME", "9", "a.txt, b.txt, c.txt"],
        ["Alpha", "2023-05-01", "", "3", "a.txt, b.txt"],
    ]
    assert answer.answer.splitlines()[0] == (
        "The papers here, those seen in the most sources first, in up to 3. Seen: 1 in 3 and 1 in 2."
    )
    assert listed(lists(Operation.LIST, min_sources=2)) == ["Alpha", "Bravo"]
    alone = lists(Operation.COUNT, max_sources=1)
    assert alone.answer.startswith("2 of the 4 papers here were seen in at most 1 source.")
    alone = lists(Operation.MOST_SEEN, max_sources=1).answer
    assert alone.startswith(
        "None of the papers here that were seen in at most 1 source was seen in"
    )


def test_no_paper_is_a_count_and_no_list(five: Asking):
    none = five(Operation.COUNT, "zebras")
    assert (none.refused, none.sources, len(none.blocks)) == (False, (), 1)
    said = "No paper here says “zebras” or a form of it in title or abstract."
    others = {Operation.LIST, Operation.NEWEST, Operation.OLDEST, Operation.TOPICS, Operation.ABOUT}
    for operation in others:
        answer = five(operation, "zebras")
        assert (answer.refused, answer.reason) == (True, said), operation


@pytest.mark.parametrize(
    ("operation", "first"),
    [
        (Operation.MOST_UPVOTED, "Bravo"),
        (Operation.MOST_AUTHORS, "Charlie: Quantization"),
        (Operation.BY_YEAR, None),
        (Operation.FIGURES, None),
        (Operation.BY_SOURCE, None),
    ],
)
def test_what_tells_something_of_all_papers_is_told_of_all_where_none_is_on_the_topic(
    five: Asking, operation: Operation, first: str | None
):
    answer = five(operation, "zebras")
    assert "No paper here says “zebras”; this is of all of them." in answer.answer
    assert [s.title for s in answer.sources[:1]] == ([first] if first else [])
    assert five(operation, "zebras", asked={"in_title": True}).refused
    assert five(operation, "ZebraNet").refused  # a name is no stray word


def test_where_no_record_of_a_topic_tells_it_all_papers_are_told_of(five: Asking):
    answer = five(Operation.MOST_UPVOTED, "halves", asked={"limit": 1})
    said = "Of papers that say “halves” no record tells it; this is of all papers."
    assert answer.answer.startswith(f"{said} The most upvoted of the papers here.")
    assert listed(answer) == ["Bravo"]


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


def test_the_smallest_number_comes_first_where_that_is_asked_for(lists: Asking):
    fewest = lists(Operation.MOST_AUTHORS, asked={"fewest_first": True})
    assert listed(fewest) == ["Alpha", "Charlie"]
    assert fewest.answer.startswith("The papers here, fewest authors first.")
    least = lists(Operation.MOST_UPVOTED, asked={"fewest_first": True, "limit": 1})
    assert listed(least) == ["Delta"]
    assert least.answer.startswith("The least upvoted of the papers here.")
    newest = lists(Operation.NEWEST, asked={"fewest_first": True})
    assert listed(newest) == listed(lists(Operation.NEWEST))


def test_a_list_is_in_the_order_of_the_alphabet_where_that_is_asked_for(tmp_path: Path):
    titles = ("zeta cache", "Alpha of a cache", "éta cache", "beta cache and cache")
    asking = Asking(tmp_path, *map(paper, titles))
    by_title = asking(Operation.LIST, "cache", asked={"by_title": True})
    assert listed(by_title) == [titles[1], titles[3], titles[2], titles[0]]


def test_a_list_of_each_month_is_one_by_date_that_says_how_many(lists: Asking):
    by_month = lists(Operation.LIST, asked={"each": "month"})
    assert listed(by_month) == ["Charlie", "Bravo", "Alpha", "Delta"]
    assert "2024-02: 2, 2023-05: 1." in by_month.answer


def test_a_name_of_a_paper_that_is_taken_for_a_person_lists_the_titles_that_say_it(tmp_path: Path):
    asking = Asking(tmp_path, paper("Kelp"), paper("Taming it with Kelp-Serve"), paper("Other"))
    answer = asking(Operation.LIST, author="kelp serve")
    assert answer.answer.splitlines()[0].endswith("names its authors. 1 title says “kelp serve”:")
    assert listed(answer) == ["Taming it with Kelp-Serve"]


def test_how_many_say_a_topic_in_a_row_is_told_where_others_say_its_words_apart(tmp_path: Path):
    asking = Asking(
        tmp_path,
        paper("Kelp farming"),
        paper("A farm", "Farmed by the sea. It has kelp."),
        paper("B", "We look at kelp farms."),
    )
    said = "2 of these say “kelp farming” as one phrase."
    assert said in asking(Operation.COUNT, "kelp farming").answer
    assert "as one phrase" not in asking(Operation.COUNT, "kelp").answer


def test_a_word_of_english_is_no_slip_of_another(tmp_path: Path):
    asking = Asking(tmp_path, paper("Mesa of it"), paper("Erosion"))
    assert asking(Operation.LIST, "medusa").refused
    assert listed(asking(Operation.LIST, "erosin")) == ["Erosion"]
    assert asking(Operation.LIST, "unerosion").refused


def test_where_no_paper_says_all_that_a_topic_joins_any_part_of_it_will_do(tmp_path: Path):
    asking = Asking(tmp_path, paper("Kelp farming"), paper("Tides"), paper("Other"))
    either = asking(Operation.LIST, "tides and kelp farming")
    assert listed(either) == ["Kelp farming", "Tides"]
    said = "No paper says all of “tides and kelp farming”; any part of it will do."
    assert said in either.answer
    assert asking(Operation.LIST, "tides and zebras").refused
    both = Asking(_made(tmp_path / "both"), paper("Tides and kelp"), paper("Tides"))
    assert listed(both(Operation.LIST, "tides and kelp")) == ["Tides and kelp"]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
