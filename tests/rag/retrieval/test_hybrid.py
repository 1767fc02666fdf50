"""Fusion by hand-computed numbers and by its laws, and the retriever over stand-ins."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.core.errors import EmbeddingError
from footnote.rag.index.chunking import Place
from footnote.rag.index.query import Query
from footnote.rag.retrieval.hybrid import (
    HybridRetriever,
    best_passages,
    fuse_ranks,
    fuse_scores,
    only_vectors,
    only_words,
)

cosines = st.dictionaries(st.sampled_from("abcdef"), st.floats(-1, 1, width=16), max_size=6)
shares = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1, width=16), max_size=6)
weights = st.floats(0, 1, width=16)


@pytest.mark.parametrize(
    ("vectors", "words", "expected"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({"a": 0.5}, {}, [("a", 0.375)], id="vectors-alone"),
        pytest.param({}, {"a": 0.5}, [("a", 0.125)], id="words-alone"),
        pytest.param({"a": 0.5, "b": 0.25}, {"b": 1.0}, [("b", 0.4375), ("a", 0.375)], id="both"),
        pytest.param({"a": 0.5}, {"b": 0.5}, [("b", 0.5), ("a", 0.375)], id="the-least-of-the-found"),
        pytest.param({"a": -0.5, "b": 0.0}, {}, [("a", 0.0), ("b", 0.0)], id="negative-is-nothing"),
    ],
)  # fmt: skip
def test_fusion(
    vectors: dict[str, float], words: dict[str, float], expected: list[tuple[str, float]]
):
    assert fuse_scores(vectors, words, weight=0.75) == expected


@given(cosines, shares, weights)
def test_fused_scores_keep_every_id_and_their_range(vectors, words, weight):
    fused = fuse_scores(vectors, words, weight=weight)
    assert {key for key, _ in fused} == {*vectors, *words}
    assert all(0 <= score <= 1 + 1e-9 for _, score in fused)
    assert [s for _, s in fused] == sorted((s for _, s in fused), reverse=True)


@given(cosines, shares, weights)
def test_fusion_does_not_depend_on_the_order_of_its_input(vectors, words, weight):
    backwards = (dict(reversed(list(d.items()))) for d in (vectors, words))
    assert fuse_scores(*backwards, weight=weight) == fuse_scores(vectors, words, weight=weight)


@given(cosines, shares, weights, st.sampled_from("abcdef"))
def test_a_paper_that_the_vectors_did_not_find_never_outdoes_one_they_did(
    vectors, words, weight, key
):
    fused = dict(fuse_scores(vectors, dict.fromkeys("abcdef", 0.5), weight=weight))
    if key not in vectors and vectors:
        assert all(fused[key] <= fused[found] + 1e-9 for found in vectors)


def test_the_best_passage_of_each_paper_is_its_first():
    best = best_passages([("b@1#2", 0.9), ("doi:10.1/a#1@2#0", 0.8), ("b@1#1", 0.7)])
    assert list(best.items()) == [
        ("b", ("b@1#2", 0.9)),
        ("doi:10.1/a#1", ("doi:10.1/a#1@2#0", 0.8)),
    ]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({"a": 0.2}, {}, [("a", (1 / 61) / (2 / 61))], id="one-list"),
        pytest.param({"a": 0.2}, {"a": 9.0}, [("a", 1.0)], id="first-in-both"),
        pytest.param(
            {"a": 0.9, "b": 0.8}, {"b": 0.7, "c": 0.6},
            [("b", (1 / 61 + 1 / 62) * 61 / 2), ("a", 1 / 2), ("c", 61 / 62 / 2)],
            id="shared-wins",
        ),
        pytest.param({"b": 0.5, "a": 0.5}, {}, [("a", 0.5), ("b", 61 / 62 / 2)], id="tie-by-id"),
    ],
)  # fmt: skip
def test_reciprocal_rank_by_hand(
    one: dict[str, float], other: dict[str, float], expected: list[tuple[str, float]]
):
    fused = fuse_ranks(one, other)
    assert [key for key, _ in fused] == [key for key, _ in expected]
    assert [score for _, score in fused] == pytest.approx([score for _, score in expected])


@given(cosines, shares)
def test_reciprocal_rank_depends_on_no_order_and_keeps_every_id(vectors, words):
    fused = fuse_ranks(vectors, words)
    assert fuse_ranks(words, vectors) == fused
    backwards = (dict(reversed(list(d.items()))) for d in (vectors, words))
    assert fuse_ranks(*backwards) == fused
    assert {key for key, _ in fused} == {*vectors, *words}
    assert all(0 < score <= 1 for _, score in fused)


def test_reciprocal_rank_needs_a_constant_of_at_least_one():
    with pytest.raises(ValueError, match="`k` must be at least 1, got 0"):
        fuse_ranks({}, {}, k=0)


def test_one_signal_alone_reads_nothing_of_the_other():
    vectors, words = {"a": -0.1, "b": 0.4}, {"c": 0.3}
    assert only_vectors(vectors, words) == [("b", 0.4), ("a", 0.0)]
    assert only_words(vectors, words) == [("c", 0.3)]


class Vectors:
    def __init__(self, *chunks: tuple[str, float]):
        self.chunks = list(chunks)

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: object
    ) -> list[tuple[str, float]]:
        return self.chunks[:depth]


class Words:
    def search(self, question: str, *, depth: int, only: object) -> list[tuple[str, float]]:
        return [("a", 0.9), ("c", 0.3)][:depth]


def retriever() -> HybridRetriever:
    vectors = Vectors(("b@1#2", 0.9), ("a@7#0", 0.8), ("b@1#1", 0.7))
    return HybridRetriever(
        vectors, Words(), depth=3,
        fuse=lambda one, other: fuse_scores(one, other, weight=0.5),
    )  # type: ignore[arg-type]  # fmt: skip


def test_a_paper_is_found_once_with_its_best_passage_and_the_signals_that_found_it():
    found = {each.paper_id: each for each in retriever().retrieve(Query("what", [1.0]))}
    assert list(found) == ["a", "c", "b"]
    assert found["a"].score == pytest.approx(0.85)
    assert found["a"].signals == {"vectors": 0.8, "words": 0.9}
    assert found["b"].passage == Place("b", "1", 2)
    assert found["b"].signals == {"vectors": 0.9}
    assert found["c"].passage is None
    assert found["c"].score == pytest.approx((0.8 + 0.3) / 2)


def test_a_vector_that_is_not_finite_is_an_error():
    with pytest.raises(EmbeddingError, match="a vector that is not finite"):
        retriever().retrieve(Query("what", [float("nan")]))
