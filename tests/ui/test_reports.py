"""Reports are found as `footnote eval` writes them, and shown without a word of theirs as markup."""

import os
import re
from pathlib import Path

import pytest

from footnote.eval.pages import write_report
from footnote.eval.report import make_report
from footnote.rag.core.errors import DatasetError
from footnote.ui.plots import bars, columns, line
from footnote.ui.quality_render import judged_html, report_html, reports_html
from footnote.ui.reports import Reports
from footnote.ui.wording import wording
from tests.eval.made import ALPHA, BRAVO, DATASET, RUN

SAY = wording("en")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    report = make_report(RUN, DATASET, system="a<b", settings="{}", index=tmp_path, n_papers=2)
    for age, name in enumerate(["new", "old/deep", "."]):
        out = tmp_path / "reports" / name
        write_report(out, report, RUN)
        os.utime(out / "report.json", (1_700_000_000 - age * 1_000,) * 2)
    (tmp_path / "reports" / "broken").mkdir()
    (tmp_path / "reports" / "broken" / "report.json").write_text("{}")
    return tmp_path / "reports"


def test_reports_are_listed_newest_first(folder: Path):
    assert [each.name for each in Reports(folder).newest()] == ["new", "old/deep", "."]
    html = reports_html(Reports(folder).newest(), "reports", SAY)
    assert html.count("data-report=") == 3
    assert "a&lt;b" in html
    assert Reports(folder / "none").newest() == []
    assert "footnote eval" in reports_html([], "reports", SAY)


def test_a_report_shows_its_questions_the_worst_first(folder: Path):
    reports = Reports(folder)
    questions = reports.questions("new")
    assert questions["a/1"] == "How fast is Alpha?"
    html = report_html("new", reports.newest()[0].report, questions, SAY)
    assert re.findall(r'data-question="([^"]+)"', html) == ["d", "b", "a/1", "c"]
    assert "refused, has an answer" in html
    assert "Risk by coverage" in html


def test_a_question_shows_its_answer_and_where_the_judged_papers_were_found(folder: Path):
    judged = Reports(folder).judged("old/deep", "a/1")
    assert judged
    assert judged.ranks == {ALPHA.paper_id: 1}
    html = judged_html(judged, {ALPHA.paper_id: ALPHA.title}, SAY)
    assert "It is 2.5× faster. [1]" in html
    assert "<td>Alpha | a Cache</td><td>answers</td><td>1</td>" in html
    lost = Reports(folder).judged("new", "b")
    assert lost
    assert f"<code>{BRAVO.paper_id}</code> (not in this index)" in judged_html(lost, {}, SAY)
    crashed = Reports(folder).judged("new", "d")
    assert crashed
    assert "it broke" in judged_html(crashed, {}, SAY)
    assert Reports(folder).judged("new", "none") is None


def test_a_report_that_an_earlier_version_wrote_is_shown_too(folder: Path):
    file = folder / "new" / "answers.jsonl"
    file.write_text('{"id": "a/1", "answer": null, "error": "it broke"}\n{"half')
    assert Reports(folder).questions("new") == {"a/1": "a/1"}
    judged = Reports(folder).judged("new", "a/1")
    assert judged
    assert judged.error == "it broke"


@pytest.mark.parametrize("name", ["..", "/etc", "none", "new/questions"])
def test_no_other_folder_can_be_named(folder: Path, name: str):
    with pytest.raises(DatasetError):
        Reports(folder).questions(name)


def test_plots_have_their_figures_as_text():
    html = columns("Papers by year", [("2023", 1), ("2024", 4)], SAY)
    assert "<td>2024</td><td>4</td>" in html
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" rx', html)]
    assert heights[1] == pytest.approx(4 * heights[0], rel=0.01)
    assert "&lt;b&gt;" in bars("of", [("<b>", 2, "2"), ("c", 0, "0")], SAY)
    assert 'points="34.0,60.0 314.0,8.0"' in line("r", ("x", "y"), [(0, 0.25), (1, 0.5)], SAY)
    assert (
        columns("none", [], SAY) == bars("none", [], SAY) == line("none", ("x", "y"), [], SAY) == ""
    )
