"""Answers of another system, scored by hand."""

import json
from pathlib import Path

import pytest

from footnote.eval.datasets import Dataset, JudgedQuestion
from footnote.eval.given import load_given
from footnote.eval.pages import write_report
from footnote.eval.report import EvalReport, load_report, make_report
from footnote.eval.run import Run
from footnote.rag.core.errors import DatasetError
from tests.eval.made import ALPHA, BRAVO, FACT, LOST, NOWHERE

COUNTED = JudgedQuestion(
    id="e", question="How many are there?", count=2, lists=(ALPHA.paper_id, BRAVO.paper_id)
)
DATASET = Dataset("by hand", (FACT, LOST, NOWHERE, COUNTED))
# By its title as written, as spelt otherwise, and by its id; a paper twice counts once.
FAST = {
    "id": "a/1",
    "papers": ["bravo", ALPHA.paper_id, "Bravo"],
    "answer": "Alpha is on disk. It is 2.5 times faster.",
    "cites": ["Alpha | a Cache"],
}
REFUSED = {"id": "c", "answer": "The papers do not say.", "refused": True}
BOTH = {"id": "e", "answer": "There are two.", "count": 2, "cites": ["Bravo", "Alpha a cache"]}


def given(tmp_path: Path, *lines: object) -> Run:
    file = tmp_path / "my-rag.jsonl"
    file.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return load_given(file, DATASET, [ALPHA, BRAVO], {"arxiv:2401.00001": BRAVO.paper_id})


def report_of(run: Run, tmp_path: Path) -> EvalReport:
    return make_report(
        run, DATASET, system="my-rag", settings="", index=tmp_path / "none", n_papers=2
    )


def test_what_was_found_said_and_refused(tmp_path: Path):
    values = report_of(given(tmp_path, FAST, REFUSED, BOTH), tmp_path).values
    # The right paper is the second found; nothing was given to the other question.
    assert values["RR"] == {"a/1": 1 / 2, "b": 0.0}
    # Of two facts one is said, in the second sentence.
    assert values["fact recall"] == {"a/1": 0.5}
    assert values["first-sentence recall"] == {"a/1": 0.0}
    assert values["right paper first"] == {"a/1": 1.0, "b": 0.0}
    assert values["answered"] == {"a/1": 1.0, "b": 0.0, "e": 1.0}
    assert values["refused"] == {"c": 1.0}
    assert values["count right"] == {"e": 1.0}
    assert values["listed, F1"] == {"e": 1.0}


def test_an_empty_answer_is_a_refusal_and_an_alias_names_its_paper(tmp_path: Path):
    found = {"id": "b", "papers": ["arxiv:2401.00001"], "answer": " "}
    values = report_of(given(tmp_path, found, NOWHERE_ANSWERED), tmp_path).values
    assert values["Success@1"]["b"] == 1.0
    assert values["answered"]["b"] == 0.0
    assert values["refused"] == {"c": 0.0}


NOWHERE_ANSWERED = {"id": "c", "answer": "Zulu is a cache."}


def test_what_nobody_timed_is_not_reported_as_quick(tmp_path: Path):
    run = given(tmp_path, FAST)
    report = report_of(run, tmp_path)
    write_report(tmp_path / "out", report, run)
    assert load_report(tmp_path / "out" / "report.json") == report
    assert report.latency_ms == {}
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Speed and size" not in text
    assert text.splitlines()[4].endswith("| – |")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        pytest.param([], "holds no answer", id="empty"),
        pytest.param(["{"], "line 1: not JSON", id="not-json"),
        pytest.param([{"id": "z"}], "line 1: no question has the id 'z'", id="unknown-question"),
        pytest.param([FAST, FAST], "line 2: question 'a/1' was answered before", id="twice"),
        pytest.param(
            [FAST | {"papers": ["Zulu"]}], "line 1: no paper is called 'Zulu'", id="paper"
        ),
        pytest.param([FAST | {"cites": ["Zulu"]}], "line 1: no paper is called 'Zulu'", id="cited"),
        pytest.param([{"id": "b", "text": "x"}], "line 1: text: ", id="unknown-field"),
        pytest.param([{"id": "z"}, "{"], "2 faults: line 1: .*; line 2: ", id="all-at-once"),
    ],
)
def test_every_fault_of_a_file_is_named(tmp_path: Path, lines: list[object], reason: str):
    with pytest.raises(DatasetError, match=reason):
        given(tmp_path, *lines)
