"""What fell since an earlier report, on reports made by hand."""

import pytest

from footnote.eval.gate import differences, fallen, gate
from footnote.eval.report import EvalReport
from footnote.rag.core.errors import DatasetError

GOOD = {f"q{i:02}": 1.0 for i in range(12)}
BAD = dict.fromkeys(GOOD, 0.5)


def report(**values: dict[str, float]) -> EvalReport:
    """A report of measures, whose names are written with `_at_` for `@`."""
    return EvalReport(
        dataset="by hand", n_questions=12, system="footnote", commit=None, settings="0",
        values={name.replace("_at_", "@"): found for name, found in values.items()},
        means={}, latency_ms={}, index_bytes_per_paper=0, peak_memory_mb=0,
    )  # fmt: skip


def test_the_gate_names_what_fell_and_on_which_questions():
    [line] = gate(report(nDCG_at_10=BAD), report(nDCG_at_10=GOOD))
    assert line.startswith("nDCG@10 fell by 0.500 (p = 0.000) on q00, q01")
    assert line.endswith("q09 and 2 more")


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param(GOOD, GOOD, id="the-same"),
        pytest.param(GOOD, BAD, id="better"),
        pytest.param(GOOD | {"q00": 0.0}, GOOD, id="one-question-by-chance"),
        pytest.param(dict.fromkeys(GOOD, 0.998), GOOD, id="too-little"),
    ],
)
def test_the_gate_lets_through(new: dict[str, float], old: dict[str, float]):
    assert gate(report(nDCG_at_10=new), report(nDCG_at_10=old)) == []


def test_only_what_both_have_is_compared():
    new = report(nDCG_at_10=GOOD | {"new": 0.0}, RR=BAD)
    found = differences(new, report(nDCG_at_10=GOOD | {"old": 1.0}, answered=GOOD))
    assert {name: d.n for name, d in found.items()} == {"nDCG@10": 12}


def test_reports_that_share_no_question_cannot_be_compared():
    with pytest.raises(DatasetError, match="share no question"):
        gate(report(RR=GOOD), report(RR={"other": 1.0}))


def test_the_largest_fall_comes_first():
    new = report(RR={"a": 0.5, "b": 0.0, "c": 1.0, "d": 0.5})
    old = report(RR={"a": 1.0, "b": 1.0, "c": 0.5, "d": 1.0, "e": 1.0})
    assert fallen(new, old, "RR") == ["b", "a", "d"]
