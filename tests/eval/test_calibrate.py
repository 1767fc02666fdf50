"""Calibrating: what is asked of papers there and held out, and what is read off the answers."""

import json
from pathlib import Path

import pytest

from footnote.eval.calibrate import Calibration, Point, calibrate
from footnote.ingest.pipeline import ingest
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.request import Kind, Request
from footnote.ui.commands.measuring import calibration_lines


@pytest.mark.slow
def test_a_paper_that_is_held_out_is_answered_less_surely(
    assistant: Assistant, sample_config: Config
):
    found = calibrate(assistant, open_index(sample_config).bm25, n_papers=12)
    assert (found.n_papers, found.n_questions) == (12, 48)
    assert found.at_threshold.coverage >= 0.9
    assert found.at_threshold.refused > 0.5
    # A higher threshold answers less and refuses more.
    coverage = [point.coverage for point in found.line]
    refused = [point.refused for point in found.line]
    assert coverage == sorted(coverage, reverse=True)
    assert refused == sorted(refused)


@pytest.mark.slow
def test_a_paper_that_is_held_out_is_not_found(assistant: Assistant):
    request = Request(question="What is NanoFlow?", kind=Kind.DEFINITION)
    there = assistant.draft(request.question, request=request)
    own = there.evidence[0].paper
    held_out = assistant.draft(request.question, request=request, without={own.paper_id})
    assert own.title.startswith("NanoFlow")
    assert own.paper_id not in {e.paper.paper_id for e in held_out.ranked}
    assert held_out.confidence < there.confidence


def test_what_is_advised_is_a_row_and_nothing_is_said_to_have_changed():
    low, high = (Point(threshold=t, coverage=1 - t / 4, refused=t, risk=None) for t in (0.1, 0.85))
    found = Calibration(
        n_papers=1, n_questions=4, threshold=0.85, at_threshold=high, line=(low,)
    )  # fmt: skip
    lines = list(calibration_lines(found, 0.2))
    assert lines[0] == "4 questions made from 1 paper"
    assert [line.split()[:2] for line in lines[2:4]] == [["0.10", "0.97"], ["0.85", "0.79"]]
    assert "harder questions than these, so a lower threshold is wiser" in lines[4]
    assert lines[5].startswith("Nothing was changed: the threshold is 0.20.")
    assert "`answering: {min_confidence: NUMBER}`" in lines[5]


def test_too_few_papers_are_an_error_that_says_so(tmp_path: Path):
    config = load_config(index=tmp_path / "i", embedder={"name": "tests.hashing:HashEmbedding"})
    paper = {"title": "Alpha", "abstract": "Alpha keeps blocks on disk."}
    (tmp_path / "papers.jsonl").write_text(json.dumps(paper))
    index = open_index(config, create=True)
    ingest([tmp_path / "papers.jsonl"], index, lambda *_: None)
    with pytest.raises(DatasetError, match="too few to calibrate with: 1"):
        calibrate(open_assistant(config), index.bm25)
