import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.retrieval.hybrid import best_passages, fuse_scores

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
