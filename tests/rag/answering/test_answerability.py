"""Confidence: what raises it, what lowers it, and where it lies."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.answering.answerability import (
    POSITIVE_FEATURES,
    Signals,
    confidence,
    features,
)
from footnote.rag.answering.weights import load_weights

share = st.floats(0, 1)
signals = st.builds(
    Signals,
    top_score=share,
    margin=share,
    likeness=share,
    unmatched=share,
    missed=share,
    unknown_names=st.just(()) | st.just(("RWKV",)),
    absent_name=st.booleans(),
    unheard_of=st.just(()) | st.just(("tokamak",)),
    unstated=st.none() | st.just("watts"),
    answered=st.floats(-8, 8),
)


@given(signals)
def test_it_is_a_probability(found: Signals):
    assert 0 <= confidence(found) <= 1


@given(signals, share)
def test_a_better_paper_never_lowers_it(found: Signals, more: float):
    better = found._replace(
        top_score=max(found.top_score, more),
        margin=max(found.margin, more),
        likeness=max(found.likeness, more),
        unmatched=min(found.unmatched, more),
        missed=min(found.missed, more),
        answered=found.answered + more,
    )
    assert confidence(better) >= confidence(found)


@given(signals)
def test_an_unknown_name_lowers_it(found: Signals):
    known, unknown = found._replace(unknown_names=()), found._replace(unknown_names=("RWKV",))
    assert confidence(unknown) <= confidence(known)


@given(signals)
def test_an_unheard_of_word_lowers_it(found: Signals):
    heard, unheard = found._replace(unheard_of=()), found._replace(unheard_of=("tokamak",))
    assert confidence(unheard) <= confidence(heard)


@given(signals)
def test_a_unit_that_is_not_stated_lowers_it(found: Signals):
    stated, unstated = found._replace(unstated=None), found._replace(unstated="watts")
    assert confidence(unstated) <= confidence(stated)


def test_by_hand():
    fitted = load_weights("confidence")
    logit = fitted["bias"] + 0.1 * fitted["margin"] + 0.5 * fitted["likeness"]
    found = Signals(0.5, 0.1, 0.5, 0.0, 0.0, (), False, (), None)
    assert confidence(found) == pytest.approx(1 / (1 + math.exp(-logit)))
    far_off = Signals(0.2, 0.1, 0.5, 0.0, 0.0, ("RWKV",), False, (), None)
    assert confidence(far_off) == pytest.approx(
        1 / (1 + math.exp(2 - fitted["unknown_name"] - logit))
    )


@given(signals)
def test_every_feature_has_a_fitted_weight_of_its_sign(found: Signals):
    fitted = load_weights("confidence")
    assert features(found).keys() == fitted.keys() - {"bias"}
    assert all((fitted[name] >= 0) == (name in POSITIVE_FEATURES) for name in features(found))


def test_what_is_said_of_another_thing_does_not_answer_for_a_name_that_no_paper_has():
    found = Signals(0.9, 0.1, 0.9, 0.0, 0.0, ("QuantumFlow",), False, (), None)
    assert confidence(found._replace(answered=5.0)) == confidence(found)
    assert confidence(found._replace(answered=-5.0)) < confidence(found)
    known = found._replace(unknown_names=())
    assert confidence(known._replace(answered=5.0)) > confidence(known)
