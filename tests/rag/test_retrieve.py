import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import NodeWithScore, TextNode

from rag.retrieve import best_passages, fuse_scores

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
    def chunk(paper_id: str, number: int) -> NodeWithScore:
        node = TextNode(id_=f"{paper_id}#{number}", metadata={"paper_id": paper_id})
        return NodeWithScore(node=node, score=0.5)

    best = best_passages([chunk("b", 2), chunk("a", 0), chunk("b", 1)])
    assert [node.node.node_id for node in best.values()] == ["b#2", "a#0"]
