"""The gate: what a change made worse, measured against an earlier report."""

from footnote.eval.metrics import RETRIEVAL, Difference, compare
from footnote.eval.report import ANSWERING, EvalReport
from footnote.rag.core.errors import DatasetError

_SHOWN_FALLS = 10


def gate(new: EvalReport, old: EvalReport) -> list[str]:
    """Say what fell significantly since an earlier report, a line each with its questions.

    Raises:
        DatasetError: The two share no question.
    """
    found = differences(new, old)
    lines: list[str] = []
    for name in (*RETRIEVAL, *ANSWERING):
        if name in found and found[name].is_drop:
            worse = fallen(new, old, name)
            shown = ", ".join(worse[:_SHOWN_FALLS])
            more = f" and {len(worse) - _SHOWN_FALLS} more" if len(worse) > _SHOWN_FALLS else ""
            lines.append(
                f"{name} fell by {-found[name].difference:.3f} (p = {found[name].p:.3f}) "
                f"on {shown}{more}"
            )
    return lines


def differences(new: EvalReport, old: EvalReport) -> dict[str, Difference]:
    """Compare each measure that both have, over the questions that both asked.

    Raises:
        DatasetError: They share no question.
    """
    found = {
        name: compare(new.values[name], old.values[name])
        for name in (*RETRIEVAL, *ANSWERING)
        if new.values.get(name, {}).keys() & old.values.get(name, {}).keys()
    }
    if not found:
        raise DatasetError(
            f"the reports of {new.dataset!r} and {old.dataset!r} share no question; "
            "name a baseline over the same questions"
        )
    return found


def fallen(new: EvalReport, old: EvalReport, measure: str) -> list[str]:
    """List the ids of the questions that score lower than before, the largest fall first."""
    before, now = old.values[measure], new.values[measure]
    drops = {q: now[q] - before[q] for q in now.keys() & before.keys() if now[q] < before[q]}
    return sorted(drops, key=lambda q: (drops[q], q))
