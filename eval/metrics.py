"""Compute the figures of a run: each question's, their means, and if a difference is real.

Its libraries take a second to import, so each is imported by what computes with it: the page reads
reports and computes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from footnote.rag.core.text import fold

RETRIEVAL = ("nDCG@10", "R@5", "R@10", "R@100", "RR", "Success@1")
# Below this a difference is called real.
SIGNIFICANT = 0.05
# The loss of nDCG@10 that is let pass for other gains. Papers embedded in bfloat16, where the
# processor has it, differ from those in float32 by 0.001: no change of the code.
SMALLEST_DROP = 0.003
_SEED = 0
_RESAMPLES = 9_999


class Mean(NamedTuple):
    """A mean over questions with its 95% interval."""

    n: int
    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """A mean difference over the same questions, and how likely chance gives as large a one."""

    n: int
    difference: float
    p: float

    @property
    def is_drop(self) -> bool:
        """True if it fell, not by chance, and by more than is let pass."""
        return self.difference < -SMALLEST_DROP and self.p < SIGNIFICANT


def retrieval_values(
    ranked: Mapping[str, Sequence[tuple[str, float]]], relevant: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, float]]:
    """Compute each measure of each judged question, by measure and question id.

    Args:
        ranked: Paper ids with scores, best first, by question id. A question that is missing here
            scores 0, as does one without results.
        relevant: Grades by paper id, by question id; those without a grade above 0 are left out.
    """
    import ir_measures

    judged = {q: g for q, g in relevant.items() if any(grade > 0 for grade in g.values())}
    qrels = {q: dict(grades) for q, grades in judged.items()}
    # Ranks, not scores, so that ties stay in the order in which they are shown.
    run = {
        q: {paper_id: -float(rank) for rank, (paper_id, _) in enumerate(ranked.get(q, ()))}
        for q in judged
    }
    measures = [ir_measures.parse_measure(name) for name in RETRIEVAL]
    values: dict[str, dict[str, float]] = {name: {} for name in RETRIEVAL}
    for metric in ir_measures.iter_calc(measures, qrels, run):
        values[str(metric.measure)][metric.query_id] = metric.value
    return values


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean with a 95% t interval, cut to [0, 1].

    The interval is the whole of [0, 1] for fewer than two values.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("a mean needs at least one value")
    mean = float(np.mean(values))
    if len(values) < 2:
        return Mean(len(values), mean, 0.0, 1.0)
    from scipy import stats

    half = float(stats.sem(values)) * float(stats.t.ppf(0.975, len(values) - 1))
    return Mean(len(values), mean, max(0.0, mean - half), min(1.0, mean + half))


def compare(new: Mapping[str, float], old: Mapping[str, float]) -> Difference:
    """Return the mean of new minus old over the questions that both have, with a two-sided p.

    By Fisher's randomisation test over paired values (Smucker, Allan and Carterette, 2007); p is 1
    when nothing differs or fewer than two questions are shared.
    """
    shared = sorted(new.keys() & old.keys())
    differences = np.array([new[q] - old[q] for q in shared])
    if len(shared) < 2 or not differences.any():
        return Difference(len(shared), float(differences.sum()), 1.0)
    from scipy import stats

    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=_RESAMPLES,
        rng=np.random.default_rng(_SEED),
    )
    return Difference(len(shared), float(differences.mean()), float(test.pvalue))


def fact_recall(must_include: Sequence[str], answer: str) -> float:
    """Return the share of the facts that the answer says, both spelt as by `plain_facts`.

    Raises:
        ValueError: No fact is asked for.
    """
    if not must_include:
        raise ValueError("fact recall needs at least one fact")
    said = f" {plain_facts(answer)} "
    return sum(_says(said, plain_facts(fact)) for fact in must_include) / len(must_include)


def plain_facts(text: str) -> str:
    """Spell facts one way: lower case, one sign for times and for dashes, single spaces, 3072."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", fold(text))
    text = re.sub(r"[‐-―−~]", "-", text)
    text = re.sub(r"(\d)\s*(?:×|x\b|times\b|-fold\b|fold\b)", r"\1x", text)
    text = re.sub(r"(\d)\s*(?:%|percent\b)", r"\1%", text)
    return " ".join(text.split())


def _says(said: str, fact: str) -> bool:
    return bool(re.search(rf"(?<![\w.]){re.escape(fact)}(?!\d|\.\d)", said))


class Confidence(NamedTuple):
    """How well a confidence tells questions that were answered rightly from the others."""

    auroc: float | None
    """Chance that a right one has more of it than a wrong one; null when either is missing."""
    area: float
    """Under the risk-coverage curve, in [0, 1]: mean risk over all coverages; less is better."""
    curve: tuple[tuple[float, float], ...]
    """Coverage and risk at each threshold, from the surest question on."""


def judge_confidence(confidences: Sequence[float], right: Sequence[bool]) -> Confidence:
    """Measure a confidence by the questions it would let through first.

    Risk is the share of wrong ones among those let through (El-Yaniv and Wiener, 2010).

    Args:
        confidences: Of each question, of any range.
        right: True for each that was answered rightly.

    Raises:
        ValueError: There are no questions.
    """
    if not confidences:
        raise ValueError("a confidence is judged by at least one question")
    order = np.argsort([-c for c in confidences], kind="stable")
    wrong = ~np.asarray(right, bool)[order]
    n_through = np.arange(1, len(wrong) + 1)
    risks = np.cumsum(wrong) / n_through
    coverages = n_through / len(wrong)
    return Confidence(
        _auroc(np.asarray(confidences, float), np.asarray(right, bool)),
        float(risks.mean()),
        tuple((float(c), float(r)) for c, r in zip(coverages, risks, strict=True)),
    )


def _auroc(confidences: np.ndarray, right: np.ndarray) -> float | None:
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if not n_right or not n_wrong:
        return None
    # Mann and Whitney's U from ranks; ties share their mean rank.
    from scipy import stats

    ranks = stats.rankdata(confidences)
    u = ranks[right].sum() - n_right * (n_right + 1) / 2
    return float(u / (n_right * n_wrong))
