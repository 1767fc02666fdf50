"""Fitting: what is known to tell is found, and what is known not to is not."""

import json

import numpy as np
import pytest

from footnote.eval.datasets import JudgedQuestion
from footnote.eval.train import Example, fit_confidence, fit_sentences
from footnote.rag.answering.answerability import Signals
from footnote.rag.answering.evidence import Draft, Evidence
from footnote.rag.answering.weights import FILE
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Kind
from footnote.rag.core.text import Span

PAPER = Paper(
    paper_id="p", title="Alpha", abstract="It is fast. It saves 40%.",
    sentences=(Span(0, 11), Span(12, 25)), titles=("Alpha",), original_title="Alpha",
    original_abstract="It is fast. It saves 40%.",
)  # fmt: skip


def example(number: int, margin: float) -> Example:
    signals = Signals(0.5, margin, 0.5, 0.1, 0.1, (), False, (), None)
    ranked = tuple(
        Evidence(PAPER, span, 0.5, 0.5, {"telling": float(at), "the same": 1.0})
        for at, span in enumerate(PAPER.sentences)
    )
    asked = JudgedQuestion(
        id=str(number), question="what", relevant={"p": 1} if margin > 0.5 else {},
        must_include=("40%",),
    )  # fmt: skip
    return Example(asked, Draft(Kind.FACT, ranked, 0.5, signals=signals, ranked=ranked))


EXAMPLES = [example(n, margin) for n, margin in enumerate(np.linspace(0, 1, 40))]


def test_what_tells_answerable_questions_gets_the_weight():
    head = fit_confidence(EXAMPLES)
    assert head.weights["margin"] > 1
    assert head.weights["likeness"] == pytest.approx(0, abs=1e-3)
    assert head.card["value"] == 1.0


def test_what_tells_the_sentence_with_the_facts_gets_the_weight():
    head = fit_sentences(EXAMPLES)
    assert head.weights["telling"] > 0.05
    assert head.weights["the same"] == pytest.approx(0, abs=1e-3)
    assert head.card["value"] == 1.0


def test_each_head_that_is_used_has_a_card():
    heads = json.loads(FILE.read_text())
    for head in ("confidence", "sentences"):
        assert {"data", "questions", "figure", "value", "date"} <= heads[head]["card"].keys()
