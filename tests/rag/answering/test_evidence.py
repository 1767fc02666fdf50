"""Choosing sentences, over hand-made papers and a stand-in for the index."""

from collections.abc import Sequence

import numpy as np
import pytest
from llama_index.core.schema import QueryBundle

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.answering.evidence import Draft, QuoteAnswerer
from footnote.rag.core.records import Hit, Paper, Sighting
from footnote.rag.core.request import Kind
from footnote.rag.core.text import Span, words


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="test")))


ALPHA = paper(
    "Alpha: A Cache on Disk",
    "Caches grow. Alpha keeps blocks on disk. Decoding is 2.5× faster than paging. It is open.",
)
BRAVO = paper("Routing Questions", "Bravo routes questions to models. The bill falls by 40%.")


class Words:
    """The corpus is the two papers; every word weighs the same."""

    def terms(self, text: str) -> list[str]:
        return words(text)

    def idf(self, term: str) -> float:
        return 1.0

    def knows(self, name: str) -> bool:
        corpus = {w for p in (ALPHA, BRAVO) for w in words(f"{p.title} {p.abstract}")}
        return set(words(name)) <= corpus

    def is_misspelt(self, word: str) -> bool:
        return False


class Scores:
    def __init__(self, scores: dict[tuple[str, int], float]):
        self.scores = scores

    def sentence_scores(self, query: QueryBundle, papers: Sequence[Paper]) -> dict[str, np.ndarray]:
        return {
            p.paper_id: np.array(
                [self.scores.get((p.paper_id, n), 0.1) for n in range(len(p.sentences))]
            )
            for p in papers
        }


class Nothing:
    """An embedder without token embeddings."""

    def sentence_scores(
        self, query: QueryBundle, papers: Sequence[Paper], part: Span | None = None
    ) -> dict[str, np.ndarray]:
        return {}

    def word_scores(
        self, query: QueryBundle, asked: Sequence[str], papers: Sequence[Paper]
    ) -> dict[str, float]:
        return {}


class Lacking(Nothing):
    """No paper has anything like the words asked for."""

    def word_scores(
        self, query: QueryBundle, asked: Sequence[str], papers: Sequence[Paper]
    ) -> dict[str, float]:
        return dict.fromkeys(asked, 0.3)


def drafted(
    question: str,
    cosines: dict[tuple[Paper, int], float],
    late: Nothing | None = None,
    **limits: int,
) -> Draft:
    answerer = QuoteAnswerer(
        Scores({(p.paper_id, n): c for (p, n), c in cosines.items()}),
        late or Nothing(),
        Words(),
        **{"papers": 6, "max_sentences": 3, "survey_papers": 12} | limits,
    )
    hits = [Hit(paper=p, score=s, passage=p.sentences[0]) for p, s in ((ALPHA, 1.0), (BRAVO, 0.8))]
    return answerer.draft(QueryBundle(question, embedding=[1.0]), hits, question)


def test_a_numeric_question_is_answered_by_a_quantity():
    draft = drafted("how much faster is decoding", {(ALPHA, 1): 0.7, (ALPHA, 2): 0.6})
    assert draft.kind is Kind.NUMBER
    assert draft.evidence[0].quote == "Decoding is 2.5× faster than paging."


def test_no_question_takes_forever():
    assert drafted("what is " + "a" * 3_000 + " b c d e", {}).evidence


def test_a_survey_has_one_line_a_paper_in_the_order_of_the_hits():
    draft = drafted("which papers are there", {(ALPHA, 1): 0.5, (BRAVO, 0): 0.9})
    assert [e.paper for e in draft.evidence] == [ALPHA, BRAVO]


def test_a_comparison_takes_evidence_from_both_sides():
    draft = drafted("compare Alpha and Bravo", {(ALPHA, 1): 0.9, (BRAVO, 0): 0.8})
    assert {e.paper.paper_id for e in draft.evidence} == {ALPHA.paper_id, BRAVO.paper_id}


def test_a_comparison_is_as_long_as_other_answers_but_hears_both_sides():
    draft = drafted("compare Alpha and Bravo", {(ALPHA, n): 0.9 for n in range(4)}, max_sentences=3)
    sides = [e.paper.paper_id for e in draft.evidence]
    assert sides.count(ALPHA.paper_id) == sides.count(BRAVO.paper_id) == 2


def test_a_unit_that_no_paper_states_is_lacking():
    draft = drafted("How many watts does Alpha draw?", {})
    assert draft.lacking == "watts"
    assert draft.confidence < drafted("How much faster does Alpha decode?", {}).confidence


def test_what_is_counted_may_be_called_otherwise():
    class Alike(Nothing):
        def word_scores(
            self, query: QueryBundle, asked: Sequence[str], papers: Sequence[Paper]
        ) -> dict[str, float]:
            return dict.fromkeys(asked, 0.6)

    asked = "How many shards does the cache keep?"
    assert drafted(asked, {}, Alike()).lacking is None
    assert drafted(asked, {}, Lacking()).lacking == "shards"


def test_no_papers_give_no_evidence():
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=3, max_sentences=3, survey_papers=3
    )
    assert answerer.draft(QueryBundle("what", embedding=[1.0]), [], "what").evidence == ()


def test_what_a_paper_asks_is_no_answer():
    asking = paper("X", "Can caches be kept on disk? Xerxes keeps them there.")
    answerer = QuoteAnswerer(
        Scores({(asking.paper_id, 0): 0.9}),
        Nothing(),
        Words(),
        papers=3,
        max_sentences=3,
        survey_papers=3,
    )
    hit = Hit(paper=asking, score=1.0, passage=asking.sentences[0])
    question = "Can caches be kept on disk?"
    draft = answerer.draft(QueryBundle(question, embedding=[1.0]), [hit], question)
    assert [e.quote for e in draft.evidence] == ["Xerxes keeps them there."]


@pytest.mark.parametrize("order", [1, -1])
def test_a_survey_passes_over_a_paper_that_only_asks(order: int):
    asking = paper("X", "Can caches be kept on disk?")
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=3, max_sentences=3, survey_papers=3
    )
    hits = [Hit(paper=p, score=1.0, passage=p.sentences[0]) for p in (asking, ALPHA)[::order]]
    question = "Which papers keep caches on disk?"
    draft = answerer.draft(QueryBundle(question, embedding=[1.0]), hits, question)
    assert [e.paper.paper_id for e in draft.evidence] == [ALPHA.paper_id]


def test_a_survey_of_papers_that_only_ask_says_nothing():
    asking = paper("X", "Can caches be kept on disk?")
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=3, max_sentences=3, survey_papers=3
    )
    ranked = ((asking, 1.0), (ALPHA, 0.1))
    hits = [Hit(paper=p, score=score, passage=p.sentences[0]) for p, score in ranked]
    question = "Which papers keep caches on disk?"
    draft = answerer.draft(QueryBundle(question, embedding=[1.0]), hits, question)
    assert draft.evidence == ()


def test_a_sentence_is_not_repeated():
    twice = paper(
        "Twice", "Bravo routes questions to models. Bravo routes the questions to models."
    )
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=3, max_sentences=3, survey_papers=3
    )
    hit = Hit(paper=twice, score=1.0, passage=twice.sentences[0])
    draft = answerer.draft(QueryBundle("why route", embedding=[1.0]), [hit], "why route")
    assert len(draft.evidence) == 1


def test_a_word_that_is_in_no_paper_and_unusual_is_unheard_of():
    asked = "Does the cache help a tokamak?"
    assert drafted(asked, {}, Lacking()).unheard_of == ("tokamak",)
    assert drafted(asked, {}, Lacking()).confidence < drafted(asked, {}).confidence
    assert drafted("Nützt der Cache im tokamak?", {}, Lacking()).unheard_of == ()


def test_a_word_that_a_paper_writes_with_a_hyphen_is_heard_of():
    tiles = paper("Tiles", "Each client trains its own sub-tokamak. It is small.")
    answerer = QuoteAnswerer(
        Scores({}), Lacking(), Words(), papers=6, max_sentences=5, survey_papers=12
    )
    hits = [Hit(paper=tiles, score=1.0, passage=tiles.sentences[0])]
    asked = "How does a client get its subtokamak or its tokamaks?"
    draft = answerer.draft(QueryBundle(asked, embedding=[1.0]), hits, asked)
    assert draft.unheard_of == ("tokamaks",)


def test_a_name_that_the_best_papers_lack_lowers_the_confidence():
    both = drafted("Is Alpha faster than Bravo?", {})
    assert drafted("Is Alpha faster than Charlie?", {}).confidence < both.confidence


def test_two_papers_that_are_named_are_compared_though_another_is_as_near():
    charlie = paper("Charlie Speaks", "It halves the bill. It needs a cache.")
    papers = (ALPHA, charlie, BRAVO)
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=6, max_sentences=5, survey_papers=12
    )
    hits = [
        Hit(paper=p, score=s, passage=p.sentences[0])
        for p, s in zip((*papers, charlie), (1.0, 0.9, 0.88, 0.87), strict=True)
    ]
    asked = "What does each of them give, Alpha and Bravo?"
    draft = answerer.draft(QueryBundle(asked, embedding=[1.0]), hits, asked)
    assert draft.kind is Kind.COMPARISON
    assert {e.paper.paper_id for e in draft.evidence} == {ALPHA.paper_id, BRAVO.paper_id}


def test_papers_that_are_compared_need_not_name_each_other():
    class Each(Nothing):
        """A name is matched by its own paper, other words by all."""

        def word_scores(
            self, query: QueryBundle, asked: Sequence[str], papers: Sequence[Paper]
        ) -> dict[str, float]:
            said = {w for p in papers for w in words(f"{p.title} {p.abstract}")}
            return {
                w: 0.1 if w in {"Alpha", "Bravo"} and w.lower() not in said else 0.9 for w in asked
            }

    asked = "Compare Alpha with Bravo"
    assert drafted(asked, {}, Each()).confidence == drafted(asked, {}).confidence
    asked = "Is Alpha near to Bravo?"
    assert drafted(asked, {}, Each()).confidence < drafted(asked, {}).confidence


def test_a_name_is_its_papers_own_as_it_is_written():
    zero, naught = paper("ZeRO++", "It halves the bill."), paper("Zero Bubbles", "It is quick.")
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=6, max_sentences=5, survey_papers=12
    )
    hits = [
        Hit(paper=p, score=s, passage=p.sentences[0])
        for p, s in ((ALPHA, 1.0), (naught, 0.95), (zero, 0.9))
    ]
    asked = "Compare Alpha with ZeRO++"
    draft = answerer.draft(QueryBundle(asked, embedding=[1.0]), hits, asked)
    assert {e.paper.paper_id for e in draft.evidence} == {ALPHA.paper_id, zero.paper_id}


def test_a_paper_that_is_named_is_compared_though_many_are_before_it():
    others = [paper(f"Cache {n}", f"It keeps {n} of its blocks.") for n in range(2, 9)]
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=6, max_sentences=5, survey_papers=12
    )
    hits = [
        Hit(paper=p, score=s, passage=p.sentences[0])
        for p, s in zip((ALPHA, *others, BRAVO), np.linspace(1, 0.5, 9), strict=True)
    ]
    asked = "Compare Alpha with Bravo"
    draft = answerer.draft(QueryBundle(asked, embedding=[1.0]), hits, asked)
    assert {e.paper.paper_id for e in draft.evidence} == {ALPHA.paper_id, BRAVO.paper_id}


def test_a_side_that_only_asks_leaves_the_two_best():
    asks = paper("Charlie Asks", "What is Charlie? Is it a cache?")
    answerer = QuoteAnswerer(
        Scores({}), Nothing(), Words(), papers=6, max_sentences=5, survey_papers=12
    )
    hits = [
        Hit(paper=p, score=s, passage=p.sentences[0])
        for p, s in ((ALPHA, 1.0), (asks, 0.95), (BRAVO, 0.9))
    ]
    asked = "Compare Alpha with Charlie"
    draft = answerer.draft(QueryBundle(asked, embedding=[1.0]), hits, asked)
    assert {e.paper.paper_id for e in draft.evidence} == {ALPHA.paper_id, BRAVO.paper_id}


def test_each_part_of_a_question_is_answered():
    class ByPart(Nothing):
        """The number speaks to the whole, and to the part that asks for it."""

        def sentence_scores(
            self, query: QueryBundle, papers: Sequence[Paper], part: Span | None = None
        ) -> dict[str, np.ndarray]:
            first = part is not None and query.query_str[part.start :].startswith("what")
            return {
                p.paper_id: np.array([0.9 if (n == 2) == first else 0.2 for n in range(4)])
                for p in papers
                if p is ALPHA
            }

    draft = drafted("what does Alpha split, and how much faster is it?", {}, ByPart())
    quotes = [e.quote for e in draft.evidence]
    third = ALPHA.quote(ALPHA.sentences[2])
    assert quotes[1] == third
    assert quotes[0] != third


def parts_scored(full: str, asked: str) -> list[str]:
    """The parts of a question that sentences are ranked for."""
    parts: list[str] = []

    class Noted(Nothing):
        def sentence_scores(
            self, query: QueryBundle, papers: Sequence[Paper], part: Span | None = None
        ) -> dict[str, np.ndarray]:
            parts.extend([query.query_str[part.start : part.end]] if part else [])
            return {}

    answerer = QuoteAnswerer(
        Scores({}), Noted(), Words(), papers=6, max_sentences=3, survey_papers=12
    )
    hits = [Hit(paper=ALPHA, score=1.0, passage=ALPHA.sentences[0])]
    answerer.draft(QueryBundle(full, embedding=[1.0]), hits, asked)
    return parts


def test_the_topic_of_a_conversation_is_no_part_of_the_question():
    topic = "Caching: How is it done?"
    assert parts_scored(f"{topic}: and who does it?", "and who does it?") == []
    typed = "where is it kept, and why?"
    assert parts_scored(f"{topic}: {typed}", typed) == ["where is it kept,", "why?"]


def test_no_more_parts_are_ranked_than_sentences_are_said():
    """Six hundred of them took two seconds."""
    asked = "what? " * 600
    assert parts_scored(asked, asked) == ["what?"] * 3


def test_a_name_may_be_said_in_another_form():
    said = drafted("Is it faster than Questions here?", {}).confidence
    assert said > drafted("Is it faster than Charlie here?", {}).confidence
