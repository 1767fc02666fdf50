"""Lines read by a stand-in for a strong model, which writes what a test tells it."""

import datetime
import json

import pytest

from footnote.rag.answering.citations import cite
from footnote.rag.answering.model_reader import read_with_model
from footnote.rag.core.errors import GenerationError
from footnote.rag.core.request import Act, Filters, Group, Kind, Operation, Request
from tests.made import Says, drafted, evidence, paper, request

SAID = cite(request("what is Alpha"), drafted(evidence(paper("Alpha", "Alpha caches."), 0)))
LINE = "and since 2024, how many?"
WHOLE = {
    "question": "How many papers since 2024 are about Alpha?", "kind": "catalogue",
    "act": "follow_up", "topic": "Alpha", "sides": [], "operation": "count",
    "since": "2024-01-01", "until": None, "organisation": None, "author": "", "nth": None,
}  # fmt: skip


def test_a_line_is_read_into_the_record():
    text = f"```json\n{json.dumps(WHOLE)}\n```"
    assert read_with_model(Says(text[:20], text[20:]), LINE, [SAID]) == Request(
        question=str(WHOLE["question"]),
        kind=Kind.CATALOGUE,
        act=Act.FOLLOW_UP,
        topic="Alpha",
        operation=Operation.COUNT,
        filters=Filters(since=datetime.date(2024, 1, 1)),
        by="model",
    )


def test_sides_and_operations_belong_to_their_kinds():
    written = WHOLE | {"kind": "comparison", "sides": ["Alpha", " ", "Bravo"]}
    found = read_with_model(Says(json.dumps(written)), LINE, [])
    assert found
    assert (found.sides, found.operation) == (("Alpha", "Bravo"), None)


def queries_of(written: object, line: str = LINE, most: int = 3, **more: object) -> tuple[str, ...]:
    text = json.dumps(WHOLE | {"kind": "fact", "queries": written} | more)
    found = read_with_model(Says(text), line, [], most_queries=most)
    assert found
    return found.queries


def test_searches_beside_the_line_are_read_each_once_and_no_more_than_asked_for():
    given = [
        "a cache on disk",
        " A cache,\n on disk",
        LINE,
        "",
        "?!",
        "x" * 301,
        "paging",
        "b",
        "c",
    ]
    assert queries_of(given) == ("a cache on disk", "paging", "b")
    # What is searched for anyway, as it was typed or as it is written out, is no further search.
    assert queries_of([str(WHOLE["question"]), "paging"]) == ("paging",)


@pytest.mark.parametrize(
    ("written", "read"),
    [("paging", ("paging",)), (None, ()), (7, ()), ({"a": "b"}, ()), ([["a"], 3, "b"], ("b",))],
    ids=str,
)
def test_a_line_is_read_whatever_stands_for_searches(written: object, read: tuple[str, ...]):
    assert queries_of(written) == read


@pytest.mark.parametrize("kind", ["catalogue", "chat"])
def test_what_no_paper_answers_is_not_searched_for(kind: str):
    assert queries_of(["a"], kind=kind) == ()


def test_the_server_is_asked_for_the_form_that_is_read_and_for_searches_where_there_may_be_any():
    class Formed(Says):
        def in_form(self, schema):
            self.schema = schema
            return self

        def begin(self, messages, put, *, deadline):
            self.told = messages[0].content
            return super().begin(messages, put, deadline=deadline)

    for most, wanted in ((0, False), (3, True)):
        model = Formed(json.dumps(WHOLE))
        assert read_with_model(model, LINE, [], most_queries=most)
        assert set(WHOLE) <= set(model.schema["required"])
        assert model.schema["additionalProperties"] is False
        assert ("queries" in model.schema["required"]) is wanted
        assert ("up to 3 further searches" in model.told) is wanted


@pytest.mark.parametrize(
    "model",
    [
        Says("I think they ask for a count."),
        Says("{}"),
        Says('{"question": "x", "kind": "sonnet"}'),
        Says(json.dumps({"question": "x", "act": "new"})),
        Says(json.dumps(WHOLE | {"question": None})),
        Says(json.dumps(WHOLE | {"act": "nth", "nth": -7})),
        Says('{"a":' * 3_000),
        Says("{" * 3_000 + "}" * 3_000),
        Says(ending=GenerationError("failed (500)")),
    ],
    ids=lambda model: str(model.pieces)[:20],
)
def test_what_is_no_such_record_is_none(model: Says):
    assert read_with_model(model, LINE, [SAID]) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param({"language": "en", "filters": {"year": 2024}}, {}, id="unknown-keys"),
        pytest.param({"act": "sequel"}, {"act": Act.NEW}, id="act"),
        pytest.param({"topic": None}, {"topic": ""}, id="topic"),
        pytest.param({"operation": "sum"}, {"operation": None}, id="operation"),
        pytest.param({"organisation": ["Acme"]}, {}, id="organisation"),
        pytest.param({"author": {"name": "Ada"}}, {}, id="author"),
        pytest.param({"sides": None}, {}, id="sides"),
        pytest.param({"nth": "the second"}, {}, id="nth"),
        pytest.param({"until": "soon"}, {}, id="until"),
        pytest.param({"until": [2024]}, {}, id="until-of-a-list"),
    ],
)
def test_what_cannot_be_read_costs_itself_alone(
    written: dict[str, object], read: dict[str, object]
):
    whole = read_with_model(Says(json.dumps(WHOLE)), LINE, [SAID])
    assert whole
    found = read_with_model(Says(json.dumps(WHOLE | written)), LINE, [SAID])
    assert found == whole.model_copy(update=read)


def test_what_is_left_out_and_who_else_will_do_are_read():
    written = {
        "organisation": "ACME",
        "other_organisations": ["Other", 3],
        "without": [" ", "cats"],
    }
    found = read_with_model(Says(json.dumps(WHOLE | {"since": None} | written)), LINE, [])
    assert found
    own = Filters(organisation="ACME", other_organisations=("Other",), without=("cats",))
    assert found.filters == own


def test_sides_that_are_no_text_are_left_out():
    written = WHOLE | {"kind": "comparison", "sides": ["Alpha", 7, "Bravo", None]}
    found = read_with_model(Says(json.dumps(written)), LINE, [])
    assert found
    assert found.sides == ("Alpha", "Bravo")


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        ("2024", "2024", (2024, 1, 1), (2024, 12, 31)),
        (2024, 2025, (2024, 1, 1), (2025, 12, 31)),
        ("2024-05", "May 2024", (2024, 5, 1), (2024, 5, 31)),
    ],
)
def test_days_are_read_as_people_write_them(
    since: object, until: object, first: tuple[int, int, int], last: tuple[int, int, int]
):
    written = WHOLE | {"since": since, "until": until}
    found = read_with_model(Says(json.dumps(written)), LINE, [])
    assert found
    assert found.filters == Filters(since=datetime.date(*first), until=datetime.date(*last))


@pytest.mark.parametrize(
    ("act", "question"), [("new", LINE), ("more", LINE), ("follow_up", None), ("correction", None)]
)
def test_a_line_stands_for_itself_unless_it_leans_on_another(act: str, question: str | None):
    written = {key: value for key, value in WHOLE.items() if key != "question"} | {"act": act}
    found = read_with_model(Says(json.dumps(written)), LINE, [SAID])
    assert (found and found.question) == question


def test_the_model_is_told_what_was_said_and_what_day_it_is():
    class Listens(Says):
        told = ""

        def begin(self, messages, put, *, deadline):
            self.told = messages[0].content
            return super().begin(messages, put, deadline=deadline)

    model = Listens("{}")
    read_with_model(model, LINE, [SAID])
    assert "A: Alpha caches. [1]" in model.told
    assert str(datetime.datetime.now().astimezone().date()) in model.told
    assert model.told.endswith(LINE)


def test_what_is_asked_of_each_and_of_how_many_sources_is_read():
    asked = {
        "question": "the most upvoted of each year seen in two lists",
        "kind": "catalogue",
        "operation": "most_upvoted",
        "each": "year",
        "begins": True,
        "min_sources": 2,
    }
    read = read_with_model(Says(json.dumps(asked)), LINE, [])
    assert read
    assert (read.each, read.begins, read.filters.min_sources) == (Group.YEAR, True, 2)
    other = read_with_model(
        Says(json.dumps(asked | {"kind": "survey", "each": "decade"})), LINE, []
    )
    assert other
    assert (other.each, other.begins, other.filters.min_sources) == (None, False, None)


def test_what_a_line_asks_beside_the_first_is_read_by_the_network():
    asked = {
        "question": "How many papers on tides, and which is the newest?",
        "kind": "catalogue",
        "operation": "count",
        "topic": "tides",
        "since": "2020-01-01",
        "fewest_first": True,
        "also": ["Which is the newest paper?", "", "How many of them have code?", "Hello!"],
    }
    read = read_with_model(Says(json.dumps(asked)), LINE, [])
    assert read
    assert read.fewest_first
    newest, count = read.also
    assert (newest.operation, newest.topic, newest.filters) == ("newest", "tides", read.filters)
    assert (count.operation, count.topic) == ("count", "tides")
    assert (count.filters.since, count.filters.told) == (read.filters.since, ("link",))
    other = read_with_model(Says(json.dumps(asked | {"kind": "survey"})), LINE, [])
    assert other
    assert (other.also, other.fewest_first) == ((), False)
