"""Late interaction and neighbours: by hand over stand-ins, and over the bundled sample."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from footnote.rag.build import open_index
from footnote.rag.core.config import Config
from footnote.rag.index.index import Index
from footnote.rag.index.query import Query
from footnote.rag.index.token_embeddings import TokenEmbeddings
from footnote.rag.retrieval.found import Found
from footnote.rag.retrieval.rerank import LateInteraction, LateSentences, Neighbours, token_weights


class Tokens:
    """Scores and vectors of papers, told by hand."""

    def __init__(self, scores: dict[str, float], vectors: dict[str, list[float]] | None = None):
        self.scores = scores
        self.vectors = vectors or {}

    def paper_scores(
        self, question: TokenEmbeddings, weights: np.ndarray, paper_ids: Iterable[str]
    ) -> dict[str, float]:
        return {i: self.scores[i] for i in paper_ids if i in self.scores}

    def paper_vectors(self, paper_ids: Sequence[str]) -> np.ndarray:
        return np.array([self.vectors[i] for i in paper_ids], np.float32).reshape(-1, 2)


class Rarity:
    """`the` is everywhere, other words are rare."""

    def terms(self, text: str) -> list[str]:
        return [text]

    def idf(self, term: str) -> float:
        return 0.0 if term == "the" else 2.0


def scored(**scores: float) -> list[Found]:
    return [Found(paper_id, score) for paper_id, score in scores.items()]


def order(found: list[Found]) -> list[tuple[str, float]]:
    return [(each.paper_id, round(each.score, 6)) for each in found]


TOKENS = TokenEmbeddings(np.ones((3, 2), np.float32), np.array([0, 4, 7]), np.array([3, 7, 9]))
QUESTION = Query("the caches", [1.0], TOKENS)
WITHOUT_TOKENS = Query("what", [1.0])


def test_late_interaction_is_mixed_in_by_its_weight_and_ties_go_to_the_smaller_id():
    tokens = Tokens({"a": 0.2, "b": 0.8, "c": -0.5})
    reranker = LateInteraction(tokens, Rarity(), weight=0.5)  # type: ignore[arg-type]
    found = reranker.rerank(scored(a=0.8, b=0.2, c=0.3, d=0.15), QUESTION)
    # `c` matches nothing, `d` has no token embeddings and keeps its score.
    assert order(found) == [("a", 0.5), ("b", 0.5), ("c", 0.15), ("d", 0.15)]
    assert found[0].signals == {"late interaction": 0.2}
    assert found[3].signals == {}


def test_each_piece_weighs_as_much_as_its_word_is_rare():
    assert token_weights("the caches", TOKENS, Rarity()).tolist() == pytest.approx([0.3, 2.3, 2.3])  # type: ignore[arg-type]


def test_a_paper_is_drawn_to_the_mean_of_its_neighbours():
    tokens = Tokens({}, {"a": [1, 0], "b": [1, 0], "c": [0, 1]})
    reranker = Neighbours(tokens, weight=0.5)  # type: ignore[arg-type]
    # `a` and `b` are one another's neighbours, `c` has none.
    assert order(reranker.rerank(scored(a=0.8, b=0.4, c=0.1), QUESTION)) == [
        ("a", 0.6), ("b", 0.6), ("c", 0.1),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def index(sample_config: Config) -> Index:
    return open_index(sample_config)


def test_a_rare_word_counts_more_than_a_common_one_and_none_counts_nothing(index: Index):
    text = "What is the throughput of NanoFlow"
    question = index.embedder.query(text)
    assert question.tokens
    weights = token_weights(text, question.tokens, index.bm25)
    by_word: dict[str, float] = {}
    for start, end, weight in zip(
        question.tokens.starts, question.tokens.ends, weights, strict=True
    ):
        by_word.setdefault(text[start:end], float(weight))
    assert by_word["the"] < by_word["through"] < by_word["Nano"]
    assert min(weights) > 0


def test_a_question_is_embedded_as_a_document_is(index: Index):
    text = "How are experts placed?"
    asked, [read] = np.array(index.embedder.query(text).vector), index.embedder.embed([text])
    assert asked @ read / np.linalg.norm(read) == pytest.approx(1.0, abs=1e-3)


def test_a_question_without_tokens_leaves_the_order(index: Index):
    reranker = LateInteraction(index.multivector, index.bm25, weight=0.5)
    assert reranker.rerank(scored(b=0.1, a=0.1), WITHOUT_TOKENS) == scored(b=0.1, a=0.1)


def found_of(index: Index, *begins: str) -> list[Found]:
    papers = index.catalogue.papers()
    found = [next(p for p in papers if p.title.startswith(b)) for b in begins]
    return [Found(p.paper_id, 0.9 - 0.1 * n) for n, p in enumerate(found)]


def test_neighbours_draw_scores_together_and_keep_every_paper(index: Index):
    found = found_of(index, "DistServe", "Splitwise", "NanoFlow")
    drawn = Neighbours(index.multivector, weight=0.5).rerank(found, QUESTION)
    assert {each.paper_id for each in drawn} == {each.paper_id for each in found}
    scores = [each.score for each in drawn]
    assert max(scores) - min(scores) < 0.2
    assert scores == sorted(scores, reverse=True)


def test_neighbours_leave_equal_scores_a_lone_paper_and_no_papers(index: Index):
    reranker = Neighbours(index.multivector, weight=0.5)
    [alone] = reranker.rerank(found_of(index, "DistServe"), QUESTION)
    assert alone.score == pytest.approx(0.9)
    assert reranker.rerank([], QUESTION) == []


def test_a_word_that_a_paper_says_is_matched_and_another_is_not(index: Index):
    late = LateSentences(index.multivector, index.bm25)
    question = index.embedder.query("How many giraffes of throughput does NanoFlow have?")
    paper = next(p for p in index.catalogue.papers() if p.title.startswith("NanoFlow"))
    matched = late.word_scores(question, ["giraffes", "throughput", "absent"], [paper])
    assert matched.keys() == {"giraffes", "throughput"}
    assert matched["giraffes"] < 0.5 < matched["throughput"]


def test_words_beside_the_topic_are_weighed_apart(index: Index):
    late = LateSentences(index.multivector, index.bm25)
    question = index.embedder.query("What throughput does NanoFlow reach?")
    papers = [p for p in index.catalogue.papers() if p.title.startswith("NanoFlow")]
    own = papers[0].paper_id
    by_all, by_asked = late.scores_beside(question, papers, {"nanoflow"})
    np.testing.assert_allclose(by_all[own], late.sentence_scores(question, papers)[own], atol=1e-6)
    assert np.abs(by_asked[own] - by_all[own]).max() > 0.01
    for topic in ((), {"what", "throughput", "does", "nanoflow", "reach", "reach?"}):
        same, again = late.scores_beside(question, papers, topic)
        assert (same[own] == again[own]).all()
