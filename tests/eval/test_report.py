"""The figures of a run made by hand, each computed by hand."""

from pathlib import Path

import pytest

from footnote.eval.datasets import Dataset, JudgedQuestion
from footnote.eval.report import EvalReport, load_report, make_report
from footnote.eval.run import Outcome, Run
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Answer, Block, Source
from footnote.rag.core.request import Act, Kind, Request
from tests.eval.made import ALPHA, BRAVO, DATASET, RUN, answer, quoted


@pytest.fixture
def report(tmp_path: Path) -> EvalReport:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "file").write_bytes(b"x" * 300)
    return make_report(
        RUN, DATASET, system="footnote", settings="{}", index=tmp_path / "index", n_papers=2
    )


def test_what_was_found(report: EvalReport):
    # The question without an answer is not judged by what is found; the one that crashed is.
    assert report.values["Success@1"] == {"a/1": 1.0, "b": 0.0, "d": 0.0}
    assert report.means["all"]["Success@1"].mean == pytest.approx(1 / 3)
    assert report.means["numeric"]["Success@1"].mean == 1.0


def test_what_was_said(report: EvalReport):
    # Of two facts one is said, and in the second of two sentences.
    assert report.values["fact recall"] == {"a/1": 0.5}
    assert report.values["first-sentence recall"] == {"a/1": 0.0}
    assert report.values["facts a sentence"] == {"a/1": 0.5}
    assert report.values["sentences"] == {"a/1": 2, "b": 1}


def test_the_sentences_that_were_marked(report: EvalReport):
    # Of the two said, the second answers.
    assert report.values["first sentence answers"] == {"a/1": 0.0}
    assert report.values["sentences that belong"] == {"a/1": 0.5}


def test_what_was_answered_and_refused(report: EvalReport):
    assert report.values["answered"] == {"a/1": 1.0, "b": 1.0, "d": 0.0}
    assert report.values["refused"] == {"c": 1.0}


def test_citations_are_judged_only_where_a_model_wrote(report: EvalReport):
    assert report.values["citation precision"] == {"b": 0.5}
    assert report.values["citation recall"] == {"b": 1.0}


def test_the_confidence_of_what_says_how_sure_it_is(report: EvalReport):
    # Surest first: right, wrong, and wrong since nothing answers it.
    assert report.confidence
    assert report.confidence.auroc == 1.0
    assert [risk for _, risk in report.confidence.curve] == pytest.approx([0, 1 / 2, 2 / 3])


def test_time_and_size(report: EvalReport):
    assert report.latency_ms["search"]["p50"] == 15.0
    assert report.latency_ms["words"]["p50"] == 2.0
    assert report.index_bytes_per_paper == 150


def test_a_report_is_read_as_it_was_written(report: EvalReport, tmp_path: Path):
    file = tmp_path / "report.json"
    file.write_text(report.model_dump_json())
    assert load_report(file) == report


@pytest.mark.parametrize("content", [None, "", "{}", '{"dataset": 1}'])
def test_what_is_no_report_is_named(tmp_path: Path, content: str | None):
    file = tmp_path / "report.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(DatasetError, match=r"report\.json cannot be read"):
        load_report(file)


def report_of(question: JudgedQuestion, said: Answer, folder: Path) -> EvalReport:
    """The figures of one question with its answer."""
    outcome = Outcome(question=question, hits=(), answer=said, search_ms=0, ask_ms=0)
    run = Run(outcomes=(outcome,), peak_memory_mb=0, stages_ms={})
    dataset = Dataset("one", (question,))
    return make_report(
        run, dataset, system="footnote", settings="{}", index=folder / "none", n_papers=2
    )


def test_a_list_its_count_and_what_was_understood(tmp_path: Path):
    question = JudgedQuestion(
        id="e",
        question="How many papers are there?",
        count=2,
        act=Act.NEW,
        lists=(ALPHA.paper_id, BRAVO.paper_id, "another"),
        sides=(BRAVO.paper_id, "another"),
    )
    request = Request(question=question.question, kind=Kind.CATALOGUE)
    said = answer(*quoted(ALPHA, 0)).model_copy(
        update={
            "sources": (Source.of(ALPHA, 1), Source.of(BRAVO, 2)),
            "blocks": (Block(form="count", text="2 papers.", n=2),),
            "request": request,
        }
    )
    values = report_of(question, said, tmp_path).values
    assert values["count right"] == {"e": 1.0}
    assert values["act read"] == {"e": 1.0}
    # Both that are listed are right, of three: 2 * 2 / (2 + 3).
    assert values["listed, F1"] == {"e": pytest.approx(4 / 5)}
    assert values["sides covered"] == {"e": 1 / 2}
    refusal = report_of(question, answer(), tmp_path).values
    for name in ("count right", "act read", "listed, F1", "sides covered"):
        assert refusal[name] == {"e": 0.0}


def test_the_order_of_what_is_quoted(tmp_path: Path):
    question = JudgedQuestion(id="f", question="Why?", relevant={BRAVO.paper_id: 1})
    said = answer(*quoted(ALPHA, 1, 0, 2)).model_copy(
        update={"blocks": (Block(form="prose", sentences=(0, 1, 2)),)}
    )
    values = report_of(question, said, tmp_path).values
    # Of the two steps, from 1 to 0 and from 0 to 2, the second follows the abstract.
    assert values["in the abstract's order"] == {"f": 1 / 2}
    assert values["right paper first"] == {"f": 0.0}
    right = report_of(question.model_copy(update={"relevant": {ALPHA.paper_id: 1}}), said, tmp_path)
    assert right.values["right paper first"] == {"f": 1.0}
