"""Calibrating: what is asked of papers there and held out, and what is read off the answers."""

import json
from pathlib import Path

import pytest

from footnote.eval.calibrate import calibrate
from footnote.ingest.pipeline import ingest
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.request import Kind, Request


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


def test_too_few_papers_are_an_error_that_says_so(tmp_path: Path):
    config = load_config(index=tmp_path / "i", embedder={"name": "tests.hashing:HashEmbedding"})
    paper = {"title": "Alpha", "abstract": "Alpha keeps blocks on disk."}
    (tmp_path / "papers.jsonl").write_text(json.dumps(paper))
    index = open_index(config, create=True)
    ingest([tmp_path / "papers.jsonl"], index, lambda *_: None)
    with pytest.raises(DatasetError, match="too few to calibrate with: 1"):
        calibrate(open_assistant(config), index.bm25)
