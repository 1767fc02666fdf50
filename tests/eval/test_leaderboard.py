"""The leaderboard, from reports made by hand."""

import datetime
import sys
from pathlib import Path

import pytest

from footnote.eval import leaderboard as module
from footnote.eval.leaderboard import leaderboard
from footnote.eval.report import EvalReport, make_report
from footnote.rag.core.errors import DatasetError
from tests.eval.made import DATASET, RUN


def report_of(system: str, run: object = RUN) -> EvalReport:
    report = make_report(
        run, DATASET, system=system, settings="", index=Path("none"), n_papers=2, corpus="c0ffee"
    )
    return report.model_copy(update={"day": datetime.date(2026, 11, 29), "version": "0.1.0"})


def test_the_best_comes_first_with_what_it_was_measured_on():
    lines = [*leaderboard([report_of("worse", WORSE_RUN), report_of("better")])]
    assert lines[0] == "4 questions of `by hand`, papers `c0ffee`."
    better, worse = lines[4:]
    # Of three questions with an answer one has its paper first; of one value alone, as of the facts,
    # nothing is known but that it is between 0 and 1.
    assert better.startswith("| better | 0.333 (0.000–1.000) |")
    assert " | 0.500 (0.000–1.000) | 0.667 (0.000–1.000) | 1.000 (0.000–1.000) | " in better
    assert better.endswith(" | 2026-11-29 | 0.1.0 |")
    assert worse.startswith("| worse | 0.000 (0.000–0.000) |")
    assert {line.count("|") for line in lines[2:]} == {9}


WORSE_RUN = RUN.model_copy(
    update={
        "outcomes": tuple(o.model_copy(update={"hits": (), "answer": None}) for o in RUN.outcomes)
    }
)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"corpus": "other"}, id="papers"),
        pytest.param({"values": {"answered": {"a/1": 1.0}}}, id="questions"),
    ],
)
def test_what_was_measured_otherwise_is_not_set_beside_it(other: dict[str, object]):
    with pytest.raises(
        DatasetError, match="two was measured on other questions or papers than one"
    ):
        [*leaderboard([report_of("one"), report_of("two").model_copy(update=other)])]


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "report.json"
    file.write_text(report_of("mine").model_dump_json())
    monkeypatch.setattr(sys, "argv", ["leaderboard", str(file)])
    module.main()
    assert "| mine |" in capsys.readouterr().out
    file.write_text("{}")
    with pytest.raises(SystemExit, match=r"^leaderboard: report .* cannot be read"):
        module.main()
