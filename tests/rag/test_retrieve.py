import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import NodeWithScore, TextNode

from rag.retrieve import best_passages, fuse_scores

scores = st.dictionaries(st.sampled_from("abcdef"), st.floats(-5, 5, width=16), max_size=6)
weights = st.floats(0, 1, width=16)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({"a": 3.0}, {}, [("a", 0.75)], id="alone-is-best"),
        pytest.param({"a": 2.0, "b": 1.0}, {"b": 9.0, "a": 1.0}, [("a", 0.75), ("b", 0.25)], id="two"),
        pytest.param({"a": 1.0, "b": 3.0, "c": 2.0}, {"c": 4.0}, [("b", 0.75), ("c", 0.625), ("a", 0)], id="half"),
        pytest.param({"b": 1.0, "a": 1.0}, {}, [("a", 0.75), ("b", 0.75)], id="tie-by-id"),
    ],
)  # fmt: skip
def test_fusion(one: dict[str, float], other: dict[str, float], expected: list[tuple[str, float]]):
    assert fuse_scores(one, other, weight=0.75) == expected


@given(scores, scores, weights)
def test_fused_scores_keep_every_id_and_their_range(one, other, weight):
    fused = fuse_scores(one, other, weight=weight)
    assert {key for key, _ in fused} == {*one, *other}
    assert all(0 <= score <= 1 + 1e-9 for _, score in fused)
    assert [s for _, s in fused] == sorted((s for _, s in fused), reverse=True)


@given(scores, scores, weights)
def test_fusion_does_not_depend_on_the_order_of_its_input(one, other, weight):
    backwards = (dict(reversed(list(d.items()))) for d in (one, other))
    assert fuse_scores(*backwards, weight=weight) == fuse_scores(one, other, weight=weight)


@given(scores, scores, weights, st.floats(0.5, 4, width=16), st.floats(-3, 3, width=16))
def test_fusion_does_not_depend_on_the_scale_of_a_signal(one, other, weight, factor, shift):
    scaled = {key: score * factor + shift for key, score in one.items()}
    expected = dict(fuse_scores(one, other, weight=weight))
    assert dict(fuse_scores(scaled, other, weight=weight)) == pytest.approx(expected, abs=1e-2)


def test_the_best_passage_of_each_paper_is_its_first():
    def chunk(paper_id: str, number: int) -> NodeWithScore:
        node = TextNode(id_=f"{paper_id}#{number}", metadata={"paper_id": paper_id})
        return NodeWithScore(node=node, score=0.5)

    best = best_passages([chunk("b", 2), chunk("a", 0), chunk("b", 1)])
    assert [node.node.node_id for node in best.values()] == ["b#2", "a#0"]
