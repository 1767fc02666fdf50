"""Fitting: what is known to tell is found, and judged by writers left out."""

from footnote.eval import labels
from footnote.eval.train_leaning import Example, fit_leaning
from footnote.rag.understanding.leaning import Leaning


def test_what_tells_gets_the_weight():
    examples = [
        Example(f"writer {n % 2}", Leaning(0, 0, 0, 0.5, float(n % 3 == 0), 0, 0.1 * n), n % 3 == 0)
        for n in range(30)
    ]
    head = fit_leaning(examples)
    assert head["weights"]["is_said"] > 1
    assert head["weights"]["rarest"] == 0
    assert head["card"]["accuracy"] == 1
    assert head["card"]["leaning"] == 10


def test_what_leans_is_not_fitted_to_lines_that_the_network_has_seen():
    seen = {line.text for talk in labels.talks() for line in talk.turns}
    ids = {talk.id for talk in labels.talks()}
    for talk in labels.leaning_talks():
        assert talk.id not in ids
        assert sum(line.text in seen for line in talk.turns) <= len(talk.turns) // 2
