"""The network that is fitted, against the arithmetic that answers with it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from footnote.eval import train_interaction
from footnote.eval.train_interaction import Interaction, best, fitted
from footnote.eval.train_ranking import Ranked
from footnote.rag.answering import interaction
from footnote.rag.core.request import Kind

pytestmark = pytest.mark.slow
WIDTH = 8


def states(*words: int) -> np.ndarray:
    """A state a word, each its own direction."""
    return np.eye(WIDTH, dtype=np.float32)[list(words)]


TEXTS = {
    "why": states(0, 1),
    "how": states(0, 2),
    "because": states(3, 4),
    "by": states(5, 6, 4),
    "it": states(7),
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "interaction.npz"
    for module in (interaction, train_interaction):
        monkeypatch.setattr(module, "FILE", file)
    monkeypatch.setattr(train_interaction, "_states", TEXTS.__getitem__)
    interaction._weights.cache_clear()  # pyright: ignore[reportPrivateUsage]
    yield file
    interaction._weights.cache_clear()  # pyright: ignore[reportPrivateUsage]


def asked(question: str, right: str) -> Ranked:
    quotes = ("it", "because", "by")
    grades = np.array([2 * (quote == right) for quote in quotes])
    scores = np.array([0.5, 0.5, 0.5])
    table = np.zeros((3, 1))
    return Ranked("q", "w", Kind.EXPLANATION, table, grades, question, quotes, scores, bool(right))


def test_what_is_written_scores_as_the_network_does(written: Path):
    torch.manual_seed(1)
    network = Interaction(WIDTH).eval()
    train_interaction._write_weights(network)  # pyright: ignore[reportPrivateUsage]
    example = asked("why", "because")
    with torch.inference_mode():
        by_torch = network(train_interaction._batch([example])).numpy()  # pyright: ignore[reportPrivateUsage]
    by_numpy = interaction.interaction_scores(
        TEXTS["why"], [TEXTS[quote] for quote in example.quotes], Kind.EXPLANATION
    )
    np.testing.assert_allclose(np.array(by_numpy).T, by_torch, atol=5e-3)  # written as 16 bits


def test_it_learns_what_each_question_wants_where_the_linear_weights_are_even(written: Path):
    examples = [asked("why", "because"), asked("how", "by")] * 24
    network = fitted(examples)
    assert [best(network, e) for e in examples[:2]] == [1, 2]


def test_it_learns_which_question_no_sentence_answers(written: Path):
    network = fitted([asked("why", "because"), asked("how", "")] * 24)
    train_interaction._write_weights(network)  # pyright: ignore[reportPrivateUsage]
    said = [TEXTS[quote] for quote in ("it", "because", "by")]
    why, how = (
        interaction.interaction_scores(TEXTS[question], said, Kind.EXPLANATION).answers
        for question in ("why", "how")
    )
    assert interaction.any_answers(how) < 0 < interaction.any_answers(why)
    assert why.argmax() == 1


def test_the_odds_that_any_answers_are_no_less_than_those_of_the_best():
    assert interaction.any_answers([]) == 0.0
    assert interaction.any_answers([-2.0]) == -2.0
    assert interaction.any_answers([0.0, 0.0]) == pytest.approx(np.log(2))


def test_a_question_or_a_sentence_without_words_has_a_score(written: Path):
    train_interaction._write_weights(Interaction(WIDTH))  # pyright: ignore[reportPrivateUsage]
    nothing = np.zeros((0, WIDTH), np.float32)
    none = interaction.interaction_scores(nothing, [TEXTS["it"]], Kind.FACT)
    assert [scores.tolist() for scores in none] == [[0.0], [0.0]]
    both = interaction.interaction_scores(TEXTS["why"], [nothing, TEXTS["it"]], Kind.FACT)
    assert all(empty < said for empty, said in both)
