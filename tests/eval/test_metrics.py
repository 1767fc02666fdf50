from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.eval.metrics import (
    compare,
    fact_recall,
    judge_confidence,
    mean_of,
    plain_facts,
    retrieval_values,
)

RELEVANT = {"q1": {"a": 2, "b": 1}, "q2": {"c": 1}, "none": {}}


def test_values_computed_by_hand():
    values = retrieval_values({"q1": [("x", 0.9), ("a", 0.8)], "q2": [("c", 0.1)]}, RELEVANT)
    ideal = 2 + 1 / log2(3)
    assert values["nDCG@10"] == pytest.approx({"q1": 2 / log2(3) / ideal, "q2": 1.0})
    assert values["R@10"] == {"q1": 0.5, "q2": 1.0}
    assert values["RR"] == {"q1": 0.5, "q2": 1.0}
    assert values["Success@1"] == {"q1": 0.0, "q2": 1.0}


def test_a_question_without_results_scores_nothing_but_counts():
    values = retrieval_values({"q1": [("a", 1.0), ("b", 0.5)]}, RELEVANT)
    assert values["nDCG@10"] == {"q1": 1.0, "q2": 0.0}


def test_ties_count_in_the_order_shown():
    values = retrieval_values({"q2": [("z", 0.5), ("c", 0.5)]}, RELEVANT)
    assert values["RR"]["q2"] == 0.5


ranking = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(st.dictionaries(st.sampled_from(["q1", "q2"]), ranking))
def test_every_measure_lies_between_none_and_all(ranked: dict[str, list[str]]):
    run = {q: [(p, 0.0) for p in papers] for q, papers in ranked.items()}
    values = retrieval_values(run, RELEVANT)
    assert all(
        set(v) == {"q1", "q2"} and all(0 <= x <= 1 for x in v.values()) for v in values.values()
    )


def test_the_interval_of_a_mean():
    # t(0.975, 3) = 3.182; the standard error of 0, 0, 1, 1 is 0.5774 / 2.
    mean = mean_of([0.0, 0.0, 1.0, 1.0])
    assert (mean.n, mean.mean) == (4, 0.5)
    assert (mean.low, mean.high) == (0.0, 1.0)
    tight = mean_of([0.4, 0.6, 0.5, 0.5])
    assert tight.high - tight.mean == pytest.approx(3.182 * 0.0816 / 2, abs=1e-3)
    with pytest.raises(ValueError, match="at least one"):
        mean_of([])


def test_a_difference_that_is_no_chance():
    old = {f"q{i}": 0.2 for i in range(20)}
    worse = compare(dict.fromkeys(old, 0.1), old)
    assert worse.difference == pytest.approx(-0.1)
    assert worse.is_drop
    assert not compare(old, old).is_drop
    one = compare({"q0": 0.0}, {"q0": 1.0, "other": 1.0})
    assert (one.n, one.difference, one.is_drop) == (1, -1.0, False)


@pytest.mark.parametrize(
    ("fact", "answer", "said"),
    [
        ("1.91×", "a 1.91x boost", True),
        ("1.91×", "1.91 times as much", True),
        ("2×", "12× more", False),
        ("2×", "2.5× more", False),
        ("75%", "saves ~75 % of it", True),
        ("3,072", "on 3072 GPUs", True),
        ("FlexGen", "unlike flexgen.", True),
        ("30", "300 of them", False),
        ("1.6-14.6×", "by 1.6~14.6×", True),
    ],
)
def test_facts_are_compared_after_normalising(fact: str, answer: str, said: bool):
    assert fact_recall([fact], answer) == float(said)


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str):
    assert plain_facts(plain_facts(text)) == plain_facts(text)


def test_a_confidence_that_knows_and_one_that_does_not():
    right = [True, False, True, False]
    knows = judge_confidence([0.9, 0.2, 0.8, 0.1], right)
    assert knows.auroc == 1.0
    assert knows.curve == ((0.25, 0.0), (0.5, 0.0), (0.75, pytest.approx(1 / 3)), (1.0, 0.5))
    assert knows.area == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert judge_confidence([0.1, 0.8, 0.2, 0.9], right).auroc == 0.0
    assert judge_confidence([0.5] * 4, right).auroc == 0.5


def test_a_confidence_needs_both_kinds_of_questions():
    assert judge_confidence([0.3, 0.4], [True, True]).auroc is None
    with pytest.raises(ValueError, match="at least one question"):
        judge_confidence([], [])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_the_last_risk_is_the_share_of_wrong_ones(asked: list[tuple[float, bool]]):
    judged = judge_confidence(*zip(*asked, strict=True))
    assert judged.curve[-1][1] == pytest.approx(sum(not right for _, right in asked) / len(asked))
    assert 0 <= judged.area <= 1
