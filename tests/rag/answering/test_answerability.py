"""Confidence: what raises it, what lowers it, and where it lies."""

from footnote.rag.answering.answerability import Signals, confidence, is_lacking
from hypothesis import given
from hypothesis import strategies as st

share = st.floats(0, 1)
signals = st.builds(
    Signals,
    standing=share,
    lead=share,
    likeness=share,
    unmatched=share,
    unknown_names=st.just(()) | st.just(("RWKV",)),
    absent_name=st.booleans(),
    unheard_of=st.just(()) | st.just(("tokamak",)),
    unstated=st.none() | st.just("watts"),
    asked_for=st.none() | st.floats(-1, 1),
)


@given(signals)
def test_it_is_a_probability(found: Signals):
    assert 0 <= confidence(found) <= 1


@given(signals, share)
def test_a_better_paper_never_lowers_it(found: Signals, more: float):
    better = found._replace(
        standing=max(found.standing, more),
        lead=max(found.lead, more),
        likeness=max(found.likeness, more),
        unmatched=min(found.unmatched, more),
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


@given(signals)
def test_what_is_lacking_lowers_it_and_what_is_not_does_not(found: Signals):
    whatever = found._replace(asked_for=None)
    if is_lacking(found):
        assert confidence(found) <= confidence(whatever)
    else:
        assert confidence(found) == confidence(whatever)


def test_by_hand():
    # 8.1 * 0.1 + 3 * 0.5 - 12.2 * 0.02 - 1.25 = 0.816, and 1 / (1 + exp(-0.816)) = 0.693
    assert round(confidence(Signals(0.5, 0.1, 0.5, 0.02, (), False, (), None, None)), 3) == 0.693
