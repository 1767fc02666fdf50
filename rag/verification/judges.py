"""Judges of whether quotes say what a claim says, behind one small protocol."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from footnote.rag.core.errors import PluginError, VerifierError
from footnote.rag.core.plugins import Group, find


class Judgement(NamedTuple):
    """What a judge says of a claim beside some quotes."""

    likely: float
    """In [0, 1]: that the quotes say it."""
    differs: str | None = None
    """In what it differs from them, where the judge says so, for a person."""


Judge = Callable[[Sequence[tuple[str, str]]], list[Judgement]]
"""Judges pairs of quotes and a claim, in order; what it cannot tell of is 0.5 likely."""

# Quotes are a few sentences; what is longer is cut.
_MAX_TOKENS = 512
_ENTAILS = ("entailment", "supported", "consistent", "yes", "1")


class _Output(NamedTuple):
    """Which of a model's outputs says that the quotes say it."""

    place: int
    n: int


def load_judge(name: str) -> Judge:
    """Load a plugin's judge, or a cross-encoder by its sentence-transformers name or folder.

    One with a single output, or with two, as those that are trained for grounding have, gives its
    probability; of one trained on entailment it is that of `entailment`.

    Raises:
        VerifierError: It cannot be loaded, or does not say which of its outputs means support.
        PluginError: The plugin of this name cannot be loaded.
    """
    try:
        if plugin := find(Group.JUDGES, name):
            return plugin.load()()
        from sentence_transformers import CrossEncoder
        from torch.nn import Identity

        model = CrossEncoder(name, max_length=_MAX_TOKENS, activation_fn=Identity())
        names: dict[int, str] = getattr(model[0], "model").config.id2label  # noqa: B009
        labels = [str(names[n]).lower() for n in sorted(names)]
    except PluginError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise VerifierError(
            f"judge {name!r} cannot be loaded: {reason}; give a folder or the name of a "
            "cross-encoder"
        ) from error
    output = _output(name, labels)

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        if not pairs:
            return []
        logits = np.asarray(model.predict(list(pairs), show_progress_bar=False), dtype=float)
        return [Judgement(p) for p in _probabilities(logits.reshape(len(pairs), -1), output)]

    return judge


def _output(name: str, labels: Sequence[str]) -> _Output:
    """Find the output that means support by its label; of two without names it is the second."""
    if len(labels) == 1:
        return _Output(0, 1)
    for wanted in _ENTAILS:
        for place, label in enumerate(labels):
            if wanted in (label, label.removeprefix("label_")):
                return _Output(place, len(labels))
    raise VerifierError(
        f"judge {name!r} has the labels {', '.join(labels)}; one of them has to be "
        f"{', '.join(_ENTAILS[:-1])} or LABEL_1"
    )


def _probabilities(logits: np.ndarray, output: _Output) -> list[float]:
    if output.n == 1:
        return [float(1 / (1 + np.exp(-row[0]))) for row in logits]
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return [float(c) for c in chances[:, output.place] / chances.sum(axis=1)]
