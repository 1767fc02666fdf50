"""Fitting: what is known to tell is found, and what is known not to is not."""

import json

import numpy as np
import pytest

from footnote.eval.train_ranking import Judged, Listed, fit_confidence, fit_listwise
from footnote.rag.answering.weights import FILE


def judged(number: int, margin: float) -> Judged:
    features = {"margin": margin, "unmatched": 0.1, "likeness": 0.5}
    return Judged(f"writer {number % 4}", features, 0.0, is_answerable=margin > 0.5)


def test_what_tells_answerable_questions_gets_the_weight():
    head = fit_confidence([judged(n, margin) for n, margin in enumerate(np.linspace(0, 1, 40))])
    assert head["weights"]["margin"] > 1
    assert head["weights"]["likeness"] == pytest.approx(0, abs=1e-3)
    assert head["card"]["value"] > 0.99


def test_a_signal_never_counts_against_its_sense():
    # A better margin goes with no answer here; its weight is held at 0.
    head = fit_confidence([judged(n, m)._replace(is_answerable=m < 0.5)
                           for n, m in enumerate(np.linspace(0, 1, 40))])  # fmt: skip
    assert head["weights"]["margin"] == pytest.approx(0, abs=1e-3)


def test_what_tells_which_of_a_papers_sentences_answers_gets_the_weight():
    rng = np.random.default_rng(0)
    examples: list[Listed] = []
    for number in range(40):
        table = rng.normal(size=(6, 2))
        answers = np.arange(6) == table[:, 0].argmax()
        examples.append(Listed(f"writer {number % 4}", f"question {number}", table, answers))
    head = fit_listwise(examples, ("tells", "noise"))
    assert head["weights"]["tells"] > 5 * abs(head["weights"]["noise"])
    assert head["card"]["value"] > 0.9


def test_each_head_that_is_used_has_a_card():
    heads = json.loads(FILE.read_text())
    for head in ("confidence", "answers", "belongs", "shows", "headline"):
        assert {"questions", "figure", "value", "date"} <= heads[head]["card"].keys()
