"""What is written down of a run made by hand."""

import json
from pathlib import Path

import pytest

from footnote.eval.pages import table, write_report
from footnote.eval.report import EvalReport, load_report, make_report
from tests.eval.made import ALPHA, BRAVO, DATASET, RUN


def report_of(tmp_path: Path, system: str = "footnote") -> EvalReport:
    return make_report(
        RUN, DATASET, system=system, settings="{}", index=tmp_path / "none", n_papers=2
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write_report(tmp_path / "out", report_of(tmp_path), RUN, [report_of(tmp_path, "other")])
    return tmp_path / "out"


def test_a_run_in_trec_s_format(out: Path):
    rows = [line.split() for line in (out / "run.trec").read_text().splitlines()]
    assert rows == [
        ["a/1", "Q0", ALPHA.paper_id, "1", "0.900000", "footnote"],
        ["a/1", "Q0", BRAVO.paper_id, "2", "0.200000", "footnote"],
        ["b", "Q0", ALPHA.paper_id, "1", "0.500000", "footnote"],
    ]


def test_every_question_has_its_answer_or_its_error(out: Path):
    rows = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a/1", "b", "c", "d"]
    assert [bool(row["answer"]) for row in rows] == [True, True, True, False]
    assert rows[3]["error"] == "it broke"


def test_a_page_shows_where_each_right_paper_stands(out: Path):
    page = (out / "questions" / "a_1.md").read_text()
    assert "> earlier: what is Alpha?" in page
    # By words alone the other paper came first. A bar in a title would end the cell.
    assert "| rank | grade | score | rank by vectors | rank by words | paper |" in page
    assert "| 1 | 2 | 0.900 | 1 | 2 | Alpha / a Cache |" in page
    assert "| 2 |  | 0.200 | – | 1 | Bravo |" in page
    assert "Should say: 2.5x, on tape" in page
    lost = (out / "questions" / "b.md").read_text()
    assert f"| not in the first 1 | 1 | | {BRAVO.paper_id} |" in lost
    assert "Failed: it broke" in (out / "questions" / "d.md").read_text()


def test_the_report_has_every_kind_and_the_worst_questions_first(out: Path, tmp_path: Path):
    text = (out / "report.md").read_text()
    assert "| all | 4 |" in text
    assert "| numeric | 1 |" in text
    worst = text.partition("## Worst questions")[2]
    assert (
        worst.index("questions/b.md")
        < worst.index("questions/d.md")
        < worst.index("questions/a_1.md")
    )
    assert load_report(out / "report.json") == report_of(tmp_path)


def test_systems_stand_beside_the_first_with_their_difference(tmp_path: Path):
    [head, line, first, other] = table([report_of(tmp_path), report_of(tmp_path, "other")])
    assert head.startswith("| system | nDCG@10 |")
    assert line.count("|") == head.count("|") == first.count("|") == other.count("|")
    assert first.startswith("| footnote | **0.333**")
    assert other.startswith("| other | 0.333 (+0.000, p = 1.000)")
