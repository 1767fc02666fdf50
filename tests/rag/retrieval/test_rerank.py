"""Late interaction and neighbours: by hand over stand-ins, and over the bundled sample."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from footnote.rag.build import open_index
from footnote.rag.core.config import Config
from footnote.rag.index.embedding import Question, read_question
from footnote.rag.index.index import Index
from footnote.rag.index.token_embeddings import TokenEmbeddings
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


def scored(**scores: float) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(metadata={"paper_id": i}), score=score)
        for i, score in scores.items()
    ]


def order(nodes: list[NodeWithScore]) -> list[tuple[str, float]]:
    return [(n.node.metadata["paper_id"], round(n.get_score(), 6)) for n in nodes]


TOKENS = TokenEmbeddings(np.ones((3, 2), np.float32), np.array([0, 4, 7]), np.array([3, 7, 9]))
QUESTION = Question("the caches", embedding=[1.0], token_embeddings=TOKENS)


def test_late_interaction_is_mixed_in_by_its_weight_and_ties_go_to_the_smaller_id():
    tokens = Tokens({"a": 0.2, "b": 0.8, "c": -0.5})
    reranker = LateInteraction(tokens, Rarity(), weight=0.5)  # type: ignore[arg-type]
    found = reranker.postprocess_nodes(scored(a=0.8, b=0.2, c=0.3, d=0.15), QUESTION)
    # `c` matches nothing, `d` has no token embeddings and keeps its score.
    assert order(found) == [("a", 0.5), ("b", 0.5), ("c", 0.15), ("d", 0.15)]
    assert found[0].node.metadata["signals"] == {"late interaction": 0.2}
    assert "signals" not in found[3].node.metadata


def test_each_piece_weighs_as_much_as_its_word_is_rare():
    assert token_weights("the caches", TOKENS, Rarity()).tolist() == pytest.approx([0.3, 2.3, 2.3])  # type: ignore[arg-type]


def test_a_paper_is_drawn_to_the_mean_of_its_neighbours():
    tokens = Tokens({}, {"a": [1, 0], "b": [1, 0], "c": [0, 1]})
    reranker = Neighbours(tokens, weight=0.5)  # type: ignore[arg-type]
    # `a` and `b` are one another's neighbours, `c` has none.
    assert order(reranker.postprocess_nodes(scored(a=0.8, b=0.4, c=0.1))) == [
        ("a", 0.6), ("b", 0.6), ("c", 0.1),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def index(sample_config: Config) -> Index:
    return open_index(sample_config)


def test_a_rare_word_counts_more_than_a_common_one_and_none_counts_nothing(index: Index):
    text = "What is the throughput of NanoFlow"
    question = read_question(index.embedder, text)
    assert question.token_embeddings
    weights = token_weights(text, question.token_embeddings, index.bm25)
    by_word: dict[str, float] = {}
    for start, end, weight in zip(
        question.token_embeddings.starts, question.token_embeddings.ends, weights, strict=True
    ):
        by_word.setdefault(text[start:end], float(weight))
    assert by_word["the"] < by_word["through"] < by_word["Nano"]
    assert min(weights) > 0


def test_a_question_is_embedded_as_the_embedder_does(index: Index):
    text = "How are experts placed?"
    ours = np.array(read_question(index.embedder, text).embedding)
    theirs = np.array(index.embedder.get_query_embedding(text))
    assert ours @ theirs / np.linalg.norm(theirs) == pytest.approx(1.0, abs=1e-3)


def test_a_question_without_tokens_leaves_the_order(index: Index):
    reranker = LateInteraction(index.multivector, index.bm25, weight=0.5)
    assert reranker.postprocess_nodes([], QueryBundle("what")) == []


def nodes_of(index: Index, *begins: str) -> list[NodeWithScore]:
    papers = index.catalogue.papers()
    found = [next(p for p in papers if p.title.startswith(b)) for b in begins]
    return [
        NodeWithScore(node=TextNode(metadata={"paper_id": p.paper_id}), score=0.9 - 0.1 * n)
        for n, p in enumerate(found)
    ]


def test_neighbours_draw_scores_together_and_keep_every_paper(index: Index):
    nodes = nodes_of(index, "DistServe", "Splitwise", "NanoFlow")
    drawn = Neighbours(index.multivector, weight=0.5).postprocess_nodes(nodes)
    assert {n.node.node_id for n in drawn} == {n.node.node_id for n in nodes}
    scores = [n.get_score() for n in drawn]
    assert max(scores) - min(scores) < 0.2
    assert scores == sorted(scores, reverse=True)


def test_neighbours_leave_equal_scores_a_lone_paper_and_no_papers(index: Index):
    reranker = Neighbours(index.multivector, weight=0.5)
    [alone] = reranker.postprocess_nodes(nodes_of(index, "DistServe"))
    assert alone.get_score() == pytest.approx(0.9)
    assert reranker.postprocess_nodes([]) == []


def test_a_word_that_a_paper_says_is_matched_and_another_is_not(index: Index):
    late = LateSentences(index.multivector, index.bm25)
    question = read_question(index.embedder, "How many giraffes of throughput does NanoFlow have?")
    paper = next(p for p in index.catalogue.papers() if p.title.startswith("NanoFlow"))
    matched = late.word_scores(question, ["giraffes", "throughput", "absent"], [paper])
    assert matched.keys() == {"giraffes", "throughput"}
    assert matched["giraffes"] < 0.5 < matched["throughput"]


def test_words_beside_the_topic_are_weighed_apart(index: Index):
    late = LateSentences(index.multivector, index.bm25)
    question = read_question(index.embedder, "What throughput does NanoFlow reach?")
    papers = [p for p in index.catalogue.papers() if p.title.startswith("NanoFlow")]
    own = papers[0].paper_id
    by_all, by_asked = late.scores_beside(question, papers, {"nanoflow"})
    np.testing.assert_allclose(by_all[own], late.sentence_scores(question, papers)[own], atol=1e-6)
    assert np.abs(by_asked[own] - by_all[own]).max() > 0.01
    for topic in ((), {"what", "throughput", "does", "nanoflow", "reach", "reach?"}):
        same, again = late.scores_beside(question, papers, topic)
        assert (same[own] == again[own]).all()
