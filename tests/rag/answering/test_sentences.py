"""Ranking sentences, over papers made by hand."""

from collections.abc import Collection, Sequence

import numpy as np

from footnote.rag.answering.sentences import Evidence, SentenceRanker, feature_names
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.request import Kind
from footnote.rag.core.text import words
from footnote.rag.index.query import Query
from tests.made import paper

ALPHA = paper(
    "Alpha: A Cache on Disk",
    "Caches grow. Alpha keeps blocks on disk. Decoding is 2.5× faster than paging. Is it open?",
)
BRAVO = paper("Routing Questions", "Bravo routes questions to models. The bill falls by 40%.")


class Words:
    """Every word weighs the same and is its own stem."""

    def terms(self, text: str) -> list[str]:
        return words(text)

    def idf(self, term: str) -> float:
        return 1.0

    def knows(self, name: str, only: frozenset[str] | None = None) -> bool:
        return True

    def is_misspelt(self, word: str) -> bool:
        return False


class Scores:
    def __init__(self, scores: dict[tuple[str, int], float]):
        self.scores = scores

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> dict[str, np.ndarray]:
        return {
            p.paper_id: np.array(
                [self.scores.get((p.paper_id, n), 0.1) for n in range(len(p.sentences))]
            )
            for p in papers
        }


class Nothing:
    """An embedder without token embeddings."""

    def scores_beside(
        self, query: Query, papers: Sequence[Paper], topic: Collection[str]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        return {}, {}


def ranked(
    question: str, scores: dict[tuple[Paper, int], float], kind: Kind = Kind.FACT
) -> list[Evidence]:
    found = Scores({(p.paper_id, n): s for (p, n), s in scores.items()})
    hits = [Hit(paper=p, score=s, passage=p.sentences[0]) for p, s in ((ALPHA, 1.0), (BRAVO, 0.8))]
    query = Query(question, [1.0])
    return SentenceRanker(found, Nothing(), Words()).rank(query, hits, kind)


def test_the_sentence_that_is_most_like_the_question_comes_first():
    for n in (1, 2):
        best = ranked("where are blocks kept", {(ALPHA, n): 0.9})[0]
        assert (best.paper, best.number) == (ALPHA, n)


def test_a_question_of_an_abstract_answers_nothing():
    found = ranked("is it open", {(ALPHA, 3): 1.0})
    assert "Is it open?" not in {e.quote for e in found}


def test_each_sentence_is_ranked_once_with_probabilities():
    found = ranked("how much faster", {})
    assert len({e.key for e in found}) == len(found) == 5
    assert all(0 <= e.score <= 1 and 0 <= e.belongs <= 1 for e in found)
    assert [e.score for e in found] == sorted((e.score for e in found), reverse=True)


def test_every_feature_has_a_name_that_is_fitted():
    names = set(feature_names(Kind))
    assert {name for e in ranked("why", {}, Kind.EXPLANATION) for name in e.features} <= names


def test_what_is_asked_is_covered_beside_the_topic():
    query, hits = Query("blocks of Bravo", [1.0]), [
        Hit(paper=ALPHA, score=1.0, passage=ALPHA.sentences[0])
    ]  # fmt: skip
    ranker = SentenceRanker(Scores({}), Nothing(), Words())
    by_number = {e.number: e.features for e in ranker.rank(query, hits, Kind.FACT, "Bravo")}
    says_blocks = next(n for n, s in enumerate(ALPHA.sentences) if "blocks" in ALPHA.quote(s))
    assert by_number[says_blocks]["coverage_asked"] > by_number[says_blocks]["coverage"] > 0


def test_no_paper_gives_no_sentence():
    assert (
        SentenceRanker(Nothing(), Nothing(), Words()).rank(Query("q", [1.0]), [], Kind.FACT) == []
    )


def test_what_a_sentence_covers_does_not_depend_on_the_order_of_words():
    """`sum` over a set: its order, and so the last bit, was another in every process."""
    names = [f"word{n}" for n in range(30)]
    rarity = dict(zip(names, np.random.default_rng(1).uniform(0.1, 9, len(names)), strict=True))

    class Rare(Words):
        def idf(self, term: str) -> float:
            return float(rarity[term])

    ranker = SentenceRanker(Scores({}), Nothing(), Rare())
    for n in range(2, len(names)):
        said = " ".join(names[:n])
        assert ranker._coverage(said, [said, said[::-1]]).tolist() == [1.0, 0.0]
