"""What was found for a question and beside it, fused; computed by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.index.chunking import Place
from footnote.rag.retrieval.found import Found
from footnote.rag.retrieval.queries import fuse_queries


def found(**scores: float) -> list[Found]:
    return [Found(name, score) for name, score in scores.items()]


def scores(fused: list[Found]) -> dict[str, float]:
    return {each.paper_id: each.score for each in fused}


def at(sentence: int, each: Found) -> Found:
    return replace(each, passage=Place(each.paper_id, "v", sentence))


def test_a_fifth_is_the_mean_of_the_searches_beside_the_question():
    fused = fuse_queries(found(a=0.8, b=0.5), [found(a=0.4, b=0.9), found(a=0.6, b=0.7)])
    assert scores(fused) == pytest.approx({"a": 0.8 * 0.8 + 0.2 * 0.5, "b": 0.8 * 0.5 + 0.2 * 0.8})
    assert list(scores(fused)) == ["a", "b"]


def test_what_a_search_did_not_find_lies_below_all_that_it_found():
    fused = scores(fuse_queries(found(a=0.8, b=0.2), [found(c=0.9, b=0.3)]))
    assert fused["a"] == pytest.approx(0.8 * 0.8 + 0.2 * 0.3)
    assert fused["c"] == pytest.approx(0.8 * 0.2 + 0.2 * 0.9)


def test_the_passage_is_that_of_the_question_where_it_has_one():
    [own], [other, alone] = found(a=0.5), found(a=0.9, b=0.8)
    fused = fuse_queries([at(3, own)], [[at(7, other), at(1, alone)]])
    told = {each.paper_id: each for each in fused}
    assert (told["a"].passage, told["b"].passage) == (Place("a", "v", 3), Place("b", "v", 1))
    assert told["a"].signals["beside the question"] == 0.9


def test_where_the_question_finds_nothing_the_others_may():
    assert scores(fuse_queries([], [found(a=0.5), []])) == pytest.approx({"a": 0.05})
    assert fuse_queries([], [[]]) == []


def test_ties_go_to_the_smaller_id():
    assert list(scores(fuse_queries(found(b=0.5, a=0.5), [found(b=0.5, a=0.5)]))) == ["a", "b"]


lists = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1, width=32), max_size=6)


@given(lists, st.lists(lists, min_size=1, max_size=3), st.randoms())
def test_every_paper_has_a_score_in_0_1_whatever_the_order_of_the_searches(own, beside, random):
    fused = fuse_queries(found(**own), [found(**each) for each in beside])
    assert set(scores(fused)) == set(own).union(*beside)
    assert all(0 <= score <= 1 for score in scores(fused).values())
    random.shuffle(beside)
    assert scores(fuse_queries(found(**own), [found(**each) for each in beside])) == scores(fused)
