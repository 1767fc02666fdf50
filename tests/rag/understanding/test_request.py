"""Reading what people type, by the real heads, over lines that none was fitted to."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.core.request import Act, Filters, Group, Kind, Operation, Request
from footnote.rag.understanding.request import beside, read_request

TODAY = date(2026, 11, 28)
BEFORE = Request(question="what is a tidal barrage", kind=Kind.DEFINITION, topic="tidal barrage")


@given(st.text(min_size=1, max_size=100))
def test_any_line_is_understood_somehow(text: str):
    for before in (None, BEFORE):
        request = read_request(text, before, today=TODAY)
        assert request.question in (text, BEFORE.question)
        assert (request.operation is not None) == (request.kind is Kind.CATALOGUE)


@given(st.text(min_size=1, max_size=100))
def test_every_span_is_a_part_of_the_line(text: str):
    request = read_request(text, today=TODAY)
    assert all(side in text for side in request.sides)
    assert all(word.strip("“”") in text for word in request.topic.split())


def test_a_line_without_words_is_small_talk():
    assert read_request(" \u200b ", today=TODAY).kind is Kind.CHAT


def test_without_a_line_before_it_every_line_is_new():
    assert read_request("and its memory use?", today=TODAY).act is Act.NEW


def test_papers_since_a_year_are_filtered_by_their_date():
    request = read_request("which papers deal with tidal barrages since 2023?", today=TODAY)
    assert request.kind in {Kind.SURVEY, Kind.CATALOGUE}
    assert request.filters == Filters(since=date(2023, 1, 1))


def test_a_year_in_another_question_is_no_filter():
    request = read_request("why did the barrage of 2023 silt up?", today=TODAY)
    assert request.kind not in {Kind.SURVEY, Kind.CATALOGUE}
    assert not request.filters


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("tidal barrage papers of 2022", date(2022, 1, 1), date(2022, 12, 31)),
        ("list everything dated since July 2025", date(2025, 7, 1), None),
        ("list all papers on tidal power up to 2020", None, date(2020, 12, 31)),
        ("list all papers of 2021, from June to August", date(2021, 6, 1), date(2021, 8, 31)),
        ("list all papers from before 2020", None, date(2019, 12, 31)),
        ("which papers came out after June 2021?", date(2021, 7, 1), None),
    ],
)
def test_a_year_in_a_request_for_papers_is_a_date(
    text: str, since: date | None, until: date | None
):
    assert read_request(text, today=TODAY).filters == Filters(since=since, until=until)


def test_sides_of_a_comparison_are_named_in_order():
    request = read_request("compare BarrageNet and TideFormer", today=TODAY)
    assert request.kind is Kind.COMPARISON
    assert request.sides == ("BarrageNet", "TideFormer")


def test_what_a_hyphen_joins_is_one_name():
    request = read_request("compare Tide-Former with Barrage-Net", today=TODAY)
    assert request.sides == ("Tide-Former", "Barrage-Net")


def test_of_two_years_one_begins_and_one_ends():
    request = read_request("papers on tidal power between 2018 and 2020", today=TODAY)
    assert request.filters == Filters(since=date(2018, 1, 1), until=date(2020, 12, 31))


@pytest.mark.parametrize(
    ("text", "nth"), [("tell me more about the second one", 2), ("the last one", -1)]
)
def test_the_n_th_is_counted_from_one(text: str, nth: int):
    request = read_request(text, BEFORE, today=TODAY)
    assert (request.act, request.nth) == (Act.NTH, nth)


def test_the_same_in_another_form_is_about_what_was_asked_before():
    request = read_request("as a table please", BEFORE, today=TODAY)
    assert (request.act, request.question) == (Act.TABLE, BEFORE.question)


def test_small_talk_is_what_is_surely_so():
    # `Charlie` alone makes small talk likelier than any other kind, and not likely enough.
    assert read_request("what does Charlie keep?").kind is Kind.DEFINITION
    assert read_request("hello there").kind is Kind.CHAT
    assert read_request("what can you do?").kind is Kind.CHAT


def test_a_line_after_a_survey_asks_for_papers_on_something_else_and_compares_nothing():
    survey = Request(
        question="Which papers deal with tidal barrages?",
        kind=Kind.SURVEY,
        topic="tidal barrages",
    )
    request = read_request("and wind farms?", survey, today=TODAY)
    assert (request.act, request.sides) == (Act.FOLLOW_UP, ())
    assert request.kind is not Kind.COMPARISON
    assert request.topic == "wind farms"


def test_a_question_that_hardly_follows_up_is_new():
    before = Request(
        question="Which paper since 2024 reports the largest head of water?",
        kind=Kind.SURVEY,
        topic="head of water",
    )
    assert read_request("What does Okapi lift?", before, today=TODAY).act is Act.NEW


def test_a_line_after_a_list_asks_it_again_or_of_one_of_it():
    listed = Request(question="how many papers on quantization", kind=Kind.CATALOGUE)
    of_one = read_request("how does the first one work?", listed, today=TODAY)
    assert (of_one.act, of_one.nth) == (Act.NTH, 1)
    # What it asks is not said, so it is what was asked.
    again = read_request("and on pruning?", listed, today=TODAY)
    assert (again.act, again.kind, again.topic) == (Act.FOLLOW_UP, Kind.CATALOGUE, "pruning")
    # The last two years are no last paper.
    years = read_request("and from the last two years?", listed, today=TODAY)
    assert (years.act, years.filters.until) == (Act.FOLLOW_UP, TODAY)


@pytest.mark.parametrize(
    ("text", "topic", "sides"),
    [
        ("papers on tidal barrages / wave buoys", "", ("tidal barrages", "wave buoys")),
        ("how many papers on tidal barrages or wave buoys", "", ("tidal barrages", "wave buoys")),
        ("how many papers mention both barrages and buoys", "barrages buoys", ()),
    ],
)
def test_of_several_topics_any_will_do_or_all_have_to(
    text: str, topic: str, sides: tuple[str, ...]
):
    request = read_request(text, today=TODAY)
    assert request.kind in {Kind.SURVEY, Kind.CATALOGUE}
    assert (request.topic, request.sides) == (topic, sides)


def test_what_is_left_out_is_no_part_of_the_topic():
    request = read_request("list papers on tidal barrages but not on wave buoys", today=TODAY)
    assert (request.topic, request.filters) == (
        "tidal barrages", Filters(without=("wave buoys",))
    )  # fmt: skip


def test_several_organisations_are_named_each_once():
    request = read_request("how many papers are from Meta or Google, or from meta?", today=TODAY)
    assert request.filters == Filters(organisation="Meta", other_organisations=("Google",))


def test_of_two_years_asked_for_apart_both_are_meant():
    request = read_request("how many papers from 2019 and how many from 2021?", today=TODAY)
    assert request.filters == Filters(since=date(2019, 1, 1), until=date(2021, 12, 31))


def test_what_is_asked_of_the_collection_itself_has_no_topic():
    request = read_request("which fields does a record have, and how complete are they?")
    assert (request.operation, request.topic, request.sides) == (Operation.ABOUT, "", ())


def test_words_between_two_that_name_a_topic_are_of_it_where_they_may_be():
    text = "how popular is mixture of experts, I mean how many papers are about it?"
    assert read_request(text, today=TODAY).topic == "mixture of experts"


@pytest.mark.parametrize(
    ("text", "topic", "in_title"),
    [
        ('How many titles contain the word "tidal"?', "“tidal”", True),
        ('how many "... Is All You Need" titles are there', "“Is All You Need”", None),
        ("abstracts that mention „wave buoys“", "“wave buoys”", False),
    ],
)
def test_what_stands_in_quotes_is_looked_for_to_the_letter(
    text: str, topic: str, in_title: bool | None
):
    request = read_request(text, today=TODAY)
    assert (request.kind, request.topic) == (Kind.CATALOGUE, topic)
    assert in_title is None or request.in_title is in_title


def test_a_name_in_quotes_is_looked_for_in_other_spellings_too():
    request = read_request('do you have "Attention Is All You Need"?', today=TODAY)
    assert (request.operation, request.topic) == (Operation.RECORD, "Attention Is All You Need")


def test_something_is_asked_of_each_year_and_titles_begin_with_one_of_several():
    best = read_request("the most upvoted paper of each year", today=TODAY)
    assert (best.operation, best.each, best.limit) == (Operation.MOST_UPVOTED, Group.YEAR, 1)
    monthly = read_request("papers per month in 2024", today=TODAY)
    assert (monthly.operation, monthly.each) == (Operation.BY_YEAR, Group.MONTH)
    assert monthly.filters.since == date(2024, 1, 1)
    seen = read_request("papers seen in more than two sources", today=TODAY)
    assert seen.filters.min_sources == 3
    titles = read_request("all titles that begin with Beyond or Towards", today=TODAY)
    assert (titles.begins, titles.in_title, titles.topic) == (True, True, "")
    assert titles.sides == ("Beyond", "Towards")


@pytest.mark.parametrize(
    ("text", "first", "others"),
    [
        (
            "How many papers on tides do you have, and which is the newest?",
            (Operation.COUNT, "tides"),
            [(Operation.NEWEST, "tides")],
        ),
        ("What is the newest paper, and what is the oldest?", (Operation.NEWEST, ""),
         [(Operation.OLDEST, "")]),
        ("the most upvoted paper on kelp and who wrote it", (Operation.MOST_UPVOTED, "kelp"),
         [(Operation.AUTHORS, "")]),
        ("is the GPipe paper here, and who wrote it", (Operation.RECORD, "GPipe"),
         [(Operation.AUTHORS, "GPipe")]),
        ("how many papers on tides or kelp", (Operation.COUNT, ""), []),
    ],
)  # fmt: skip
def test_what_else_a_line_asks_is_read_by_itself_with_what_it_does_not_say(
    text: str, first: tuple[Operation, str], others: list[tuple[Operation, str]]
):
    request = read_request(text, today=TODAY)
    assert (request.operation, request.topic) == first
    assert [(other.operation, other.topic) for other in request.also] == others


def test_what_else_is_asked_keeps_the_conditions_of_the_first_but_for_its_own():
    first = Request(
        question="q",
        kind=Kind.CATALOGUE,
        operation=Operation.COUNT,
        topic="tides",
        filters=Filters(since=date(2020, 1, 1), organisation="ACME"),
    )
    asked = ["which of them are from 2024?", "?", "how many papers are there?", "hello"]
    [of_2024] = beside(first, asked, today=TODAY).also
    assert (of_2024.operation, of_2024.topic) == (Operation.LIST, "tides")
    assert of_2024.filters == Filters(
        since=date(2024, 1, 1), until=date(2024, 12, 31), organisation="ACME"
    )


def test_a_survey_asks_for_one_paper_only_by_a_number():
    request = read_request("Which paper since 2024 reports the largest catch?", today=TODAY)
    assert (request.kind, request.limit) == (Kind.SURVEY, None)
    assert read_request("three papers on tidal power", today=TODAY).limit == 3


def test_of_three_years_all_count():
    filters = read_request("how many papers from 2021, 2022 and 2023", today=TODAY).filters
    assert (filters.since, filters.until) == (date(2021, 1, 1), date(2023, 12, 31))


def test_a_half_of_a_year_is_one_date():
    filters = read_request("H1 2023 papers", today=TODAY).filters
    assert (filters.since, filters.until) == (date(2023, 1, 1), date(2023, 6, 30))


def test_the_order_of_a_list_is_read():
    fewest = read_request("papers with the fewest authors first", today=TODAY)
    assert (fewest.operation, fewest.fewest_first) == (Operation.MOST_AUTHORS, True)
    by_title = read_request("list all papers on tides in alphabetical order", today=TODAY)
    assert (by_title.operation, by_title.by_title) == (Operation.LIST, True)
