"""An entailment model as a second opinion: a cross-encoder of sentence-transformers."""

from collections.abc import Callable

import numpy as np

from footnote.rag.core.errors import VerifierError

_LABELS = ("entailment", "neutral", "contradiction")
# Sentences are short; what is longer is cut.
_MAX_TOKENS = 256


def load_nli(name: str) -> Callable[[str, str], tuple[float, float, float]]:
    """Load an entailment model, by its sentence-transformers name or folder.

    Returns:
        A function of a premise and a hypothesis: the chances of entailment, neutral and
        contradiction, which add up to 1.

    Raises:
        VerifierError: It cannot be loaded, or does not name these three labels.
    """
    try:
        from sentence_transformers import CrossEncoder
        from torch.nn import Identity

        model = CrossEncoder(name, max_length=_MAX_TOKENS, activation_fn=Identity())
        names: dict[int, str] = getattr(model[0], "model").config.id2label  # noqa: B009
        labels = {str(label).lower(): int(n) for n, label in names.items()}
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise VerifierError(
            f"entailment model {name!r} cannot be loaded: {reason}; give a folder or the name of "
            "a cross-encoder"
        ) from error
    if not set(_LABELS) <= labels.keys():
        raise VerifierError(
            f"entailment model {name!r} has the labels {', '.join(labels)}; it needs "
            f"{', '.join(_LABELS)}"
        )
    order = [labels[label] for label in _LABELS]

    def judge(premise: str, hypothesis: str) -> tuple[float, float, float]:
        logits = np.asarray(
            model.predict([(premise, hypothesis)], show_progress_bar=False), dtype=float
        )[0][order]
        chances = np.exp(logits - logits.max())
        entails, neutral, contradicts = (float(x) for x in chances / chances.sum())
        return entails, neutral, contradicts

    return judge
