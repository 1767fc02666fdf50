"""Drafting: which papers a survey lists, which a comparison is of, over scores made by hand."""

from collections.abc import Sequence

import pytest

from footnote.rag.answering.answerability import SignalReader, Signals
from footnote.rag.answering.draft import Draft, Drafter
from footnote.rag.answering.plans import Side
from footnote.rag.answering.roles import Role
from footnote.rag.answering.sentences import Evidence, SentenceRanker
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.request import Kind, Request
from footnote.rag.core.text import words
from footnote.rag.index.query import Query
from tests.made import evidence, paper

PAPERS = {name: paper(name, f"{name} keeps blocks on disk.") for name in "ABCDEFGH"}
SURE = Signals(0.9, 0.5, 0.9, 0.0, 0.0, (), False, (), None)
UNSURE = SURE._replace(margin=0.0, likeness=0.2, unmatched=0.6)


class Ranker(SentenceRanker):
    def __init__(self) -> None:
        pass

    def rank(
        self,
        query: Query,
        hits: Sequence[Hit],
        kind: Kind,
        topic: str = "",
        *,
        word_by_word: bool = True,
    ) -> list[Evidence]:
        return [evidence(hit.paper, 0, hit.score) for hit in hits]


class Reader(SignalReader):
    def __init__(self, signals: Signals = SURE) -> None:
        self.signals = signals

    def read(
        self,
        query: Query,
        hits: Sequence[Hit],
        asked: str,
        likeness: float,
        answered: float = 0.0,
    ) -> Signals:
        return self.signals


class Words:
    def terms(self, text: str) -> list[str]:
        return words(text)

    def idf(self, term: str) -> float:
        return 1.0

    def knows(self, name: str, only: frozenset[str] | None = None) -> bool:
        return True

    def is_misspelt(self, word: str) -> bool:
        return False


def found(**scores: float) -> list[Hit]:
    best_first = sorted(scores.items(), key=lambda pair: -pair[1])
    return [
        Hit(paper=PAPERS[name], score=score, passage=PAPERS[name].sentences[0])
        for name, score in best_first
    ]


def draft(
    request: Request, together: list[Hit], vocabulary: Words | None = None, **by_side: list[Hit]
) -> Draft:
    drafter = Drafter(
        Ranker(), Reader(), vocabulary or Words(), papers=6, max_sentences=5, survey_papers=2
    )
    query = Query(request.question, [1.0])
    return drafter.draft(request, query, together, lambda name: (query, by_side[name]))


def cited(found: Draft) -> list[Paper]:
    return list({e.paper.paper_id: e.paper for e in found.evidence}.values())


def asked(kind: Kind, *sides: str) -> Request:
    return Request(question="what", kind=kind, sides=sides)


def test_a_survey_ends_half_of_the_way_to_the_background():
    # The worse half scores 0.2 on average, so a paper is on topic from 0.5 on.
    hits = found(A=0.8, B=0.55, C=0.52, D=0.45, E=0.3, F=0.2, G=0.2, H=0.1)
    said = draft(asked(Kind.SURVEY), hits)
    assert cited(said) == [PAPERS["A"], PAPERS["B"]]
    assert said.parts[0].n_more == 1


def test_a_survey_of_either_of_two_topics_lists_the_best_of_each_in_turn():
    by_topic = {
        "kv caches x": found(A=0.9, B=0.8, C=0.1, D=0.1),
        "kv caches y": found(E=0.9, A=0.8, F=0.1, G=0.1),
    }
    either = asked(Kind.SURVEY, "x", "y").model_copy(update={"topic": "kv caches", "limit": 3})
    said = draft(either, found(A=0.9, E=0.8, H=0.1), **by_topic)
    assert [p.title for p in cited(said)] == ["A", "E", "B"]
    remark = "None of them says “x” or “y”."
    assert said.parts[0].text == f"3 papers here come near, the nearest first. {remark}"


def test_a_survey_of_what_no_paper_says_begins_with_few_of_its_neighbours():
    drafter = Drafter(Ranker(), Reader(), Words(), papers=6, max_sentences=5, survey_papers=7)
    query = Query("q", [1.0])
    near = found(**dict.fromkeys("ABCDEFGH", 0.9))
    many = [*near, *(hit.model_copy(update={"score": 0.1}) for hit in near)]
    for topic, n_more in (("disk tape", 2), ("disk", 1), ("tape", 1)):
        survey = asked(Kind.SURVEY).model_copy(update={"topic": topic})
        said = drafter.draft(survey, query, many, lambda _: (query, []))
        assert said.parts[0].n_more == n_more, topic


@pytest.mark.parametrize(
    ("topic", "remark"),
    [
        ("disk", ""),
        ("tape", " None of them says “tape”."),
        ("disk tape", " None of them says each word of “disk tape”."),
        ("blocks that are kept on tape", ""),
    ],
)
def test_a_survey_says_where_no_paper_says_the_topic(topic: str, remark: str):
    survey = asked(Kind.SURVEY).model_copy(update={"topic": topic})
    said = draft(survey, found(A=0.9, B=0.8, C=0.1, D=0.1))
    assert said.parts[0].text == f"2 papers here come near, the nearest first.{remark}"


def test_an_abbreviation_that_a_paper_does_not_spell_is_of_something_else():
    by_side = {"KBO": found(A=0.8, C=0.1), "AWQ": found(B=0.8, C=0.1)}
    said = draft(asked(Kind.COMPARISON, "KBO", "AWQ"), found(A=0.3, B=0.3), **by_side)
    # `Keeps blocks on` has the letters of the one.
    assert cited(said) == [PAPERS["A"]]
    assert "No paper here is about “AWQ”." in [part.text for part in said.parts]


def test_a_name_that_the_paper_does_not_say_is_of_something_else():
    by_side = {"Groq": found(A=0.8, C=0.1), "disk": found(B=0.8, C=0.1)}
    question = asked(Kind.COMPARISON, "Groq", "disk")
    question = question.model_copy(update={"question": "how does Groq compare to disk"})
    said = draft(question, found(A=0.3, B=0.3), **by_side)
    assert cited(said) == [PAPERS["B"]]


def test_what_a_paper_says_once_where_it_reports_is_not_what_it_is_about():
    class Reports(Ranker):
        def rank(self, *args: object, **named: object) -> list[Evidence]:
            reported = tuple(float(role is Role.RESULT) for role in Role)
            ranked = super().rank(*args, **named)  # pyright: ignore[reportArgumentType]
            return [e._replace(roles=reported) for e in ranked]

    question = asked(Kind.DEFINITION).model_copy(update={"topic": "disk"})
    drafter = Drafter(Reports(), Reader(), Words(), papers=6, max_sentences=5, survey_papers=2)
    said = drafter.draft(
        question, Query("q", [1.0]), found(A=0.9), lambda _: (Query("q", [1.0]), [])
    )
    assert said.parts[0].text == "No paper here is about “disk”; this is said of it:"


@pytest.mark.parametrize("kind", [Kind.SURVEY, Kind.COMPARISON])
def test_one_paper_on_topic_is_quoted_in_running_text(kind: Kind):
    said = draft(asked(kind), found(A=0.9, B=0.2, C=0.2))
    assert [part.form for part in said.parts] == ["prose"]


def test_a_comparison_that_names_no_sides_lists_the_papers_on_topic():
    said = draft(asked(Kind.COMPARISON), found(A=0.9, B=0.8, C=0.1, D=0.1))
    assert [part.form for part in said.parts] == ["table"]


def test_the_paper_of_a_side_fits_its_words_and_the_whole_question():
    # `paging` finds C first, which the whole question does not.
    by_side = {"paging": found(C=0.8, A=0.6), "swapping": found(B=0.7, A=0.5)}
    said = draft(
        asked(Kind.COMPARISON, "paging", "swapping"), found(A=0.7, B=0.6, D=0.5), **by_side
    )
    assert cited(said) == [PAPERS["A"], PAPERS["B"]]


def test_one_paper_ahead_for_each_side_compares_them_itself():
    by_side = {"x": found(A=0.8, B=0.3), "y": found(A=0.7, C=0.3)}
    said = draft(asked(Kind.COMPARISON, "x", "y"), found(A=0.7, B=0.2), **by_side)
    assert [part.form for part in said.parts] == ["prose"]
    assert cited(said)[0] == PAPERS["A"]


def test_sides_that_titles_name_have_columns_though_one_paper_is_ahead_for_each():
    by_side = {"A": found(A=0.8, B=0.3), "B": found(A=0.7, B=0.3)}
    said = draft(asked(Kind.COMPARISON, "A", "B"), found(A=0.7, B=0.2), **by_side)
    assert said.parts[0].columns == ("", "A", "B")


def test_titles_name_what_a_question_says_in_the_possessive():
    by_side = {"A's": found(A=0.8, B=0.3), "B’s": found(A=0.7, B=0.3)}
    said = draft(asked(Kind.COMPARISON, *by_side), found(A=0.7, B=0.2), **by_side)
    assert said.parts[0].columns == ("", "A's", "B’s")


def test_a_name_that_its_paper_does_not_say_is_missing():
    class Known(Words):
        def knows(self, name: str, only: frozenset[str] | None = None) -> bool:
            return name != "FastRT-3"

    by_side = {"A": found(A=0.8), "FastRT-3": found(B=0.7)}
    said = draft(asked(Kind.COMPARISON, *by_side), found(A=0.5), Known(), **by_side)
    assert said.parts[-1].text == "No paper here is about “FastRT-3”."
    said = draft(asked(Kind.COMPARISON, *by_side), found(A=0.5), **by_side)
    assert said.parts[0].columns == ("", "A", "FastRT-3")


def test_a_side_that_is_named_twice_has_one_column():
    by_side = {name: found(**{name: 0.8}) for name in "AB"}
    said = draft(asked(Kind.COMPARISON, "A", "B", "B"), found(A=0.5), **by_side)
    assert said.parts[0].columns == ("", "A", "B")


def test_a_result_of_one_side_that_names_another_sets_them_against_each_other():
    own = paper("Own", "Own is a cache. It is faster than Bravo.")
    other = paper("Bravo", "Bravo routes questions.")
    background = paper("Third", "Bravo was there before.")
    drafter = Drafter(Ranker(), Reader(), Words(), papers=6, max_sentences=5, survey_papers=2)
    result = evidence(own, 1, role=Role.RESULT)
    sides = [Side("Own", (evidence(own, 0), result)), Side("Bravo", (evidence(other, 0),))]
    assert drafter.between([evidence(background, 0), result], sides) == [result]
    aside = result._replace(roles=evidence(own, 1, role=Role.BACKGROUND).roles)
    assert drafter.between([aside], sides) == []


def test_a_side_that_its_paper_names_once_in_a_result_is_missing():
    own = paper("Own", "Own is a cache.")
    third = paper("Third", "Third routes questions. It is faster than Bravo.")

    class Telling(Ranker):
        result = True

        def rank(
            self,
            query: Query,
            hits: Sequence[Hit],
            kind: Kind,
            topic: str = "",
            *,
            word_by_word: bool = True,
        ) -> list[Evidence]:
            roles = [Role.IDEA, Role.RESULT if self.result else Role.MECHANISM]
            return [
                evidence(hit.paper, number, role=roles[number])
                for hit in hits
                for number in range(len(hit.paper.sentences))
            ]

    def last_of(ranker: Ranker) -> str | None:
        drafter = Drafter(ranker, Reader(), Words(), papers=6, max_sentences=5, survey_papers=2)
        hits = [Hit(paper=p, score=0.8, passage=p.sentences[0]) for p in (own, third)]
        query = Query("Own or Bravo", [1.0])
        request = asked(Kind.COMPARISON, "Own", "Bravo")
        said = drafter.draft(
            request, query, hits, lambda name: (query, hits[:1] if name == "Own" else hits[1:])
        )
        return said.parts[-1].text

    ranker = Telling()
    assert last_of(ranker) == "No paper here is about “Bravo”."
    # One that says how it works is about it.
    ranker.result = False
    assert last_of(ranker) != "No paper here is about “Bravo”."


def test_of_many_sides_five_are_compared_and_the_rest_is_counted():
    by_side = {name: found(**{name: 0.8}) for name in PAPERS}
    said = draft(asked(Kind.COMPARISON, *PAPERS), found(A=0.5), **by_side)
    assert said.parts[0].columns == ("", "A", "B", "C", "D", "E")
    assert said.parts[-1].text == "The other 3 are not compared here."


@pytest.mark.parametrize(
    ("signals", "kind", "doubted"),
    [
        (SURE, Kind.FACT, False),
        (UNSURE, Kind.FACT, True),
        (UNSURE, Kind.SURVEY, False),  # it says itself that these come near
    ],
)
def test_what_more_likely_does_not_answer_is_said_as_the_nearest(
    signals: Signals, kind: Kind, doubted: bool
):
    drafter = Drafter(
        Ranker(), Reader(signals), Words(), papers=6, max_sentences=5, survey_papers=2
    )
    query, hits = Query("what", [1.0]), found(A=0.9, B=0.8, C=0.1, D=0.1)
    said = drafter.draft(asked(kind), query, hits, lambda name: (query, []))
    assert (said.confidence < 0.5) is (signals is UNSURE)
    assert ("may not answer" in (said.parts[0].text or "")) is doubted
    assert said.evidence
    before = [e.key for e in said.evidence]
    more = drafter.draft(asked(kind), query, hits, lambda name: (query, []), said=before)
    assert "may not answer" not in (more.parts[0].text or "")
