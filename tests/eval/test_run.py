"""A run over real parts, with an embedder that costs nothing."""

import json

import pytest

from footnote.eval.datasets import Dataset, JudgedQuestion
from footnote.eval.run import Outcome, run_dataset
from footnote.ingest.pipeline import ingest
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import load_config

PAPERS = [
    {"title": "Alpha: A Cache on Disk", "abstract": "Alpha keeps the cache on disk. It is 2.5× faster."},
    {"title": "Bravo: Routing Questions", "abstract": "Bravo routes questions to models. The bill falls."},
]  # fmt: skip
ASKED = JudgedQuestion(id="q1", question="Where does Alpha keep the cache?")
EMPTY = JudgedQuestion(id="q2", question=" ? ")


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    folder = tmp_path_factory.mktemp("run")
    (folder / "papers.jsonl").write_text("\n".join(map(json.dumps, PAPERS)))
    config = load_config(index=folder / "index", embedder={"name": "tests.hashing:HashEmbedding"})
    ingest([folder / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    return open_assistant(config)


def outcomes(assistant: Assistant, *questions: JudgedQuestion) -> tuple[Outcome, ...]:
    return run_dataset(assistant, Dataset("set", questions), lambda *_: None).outcomes


def test_each_question_is_searched_asked_and_timed(assistant: Assistant):
    [outcome] = outcomes(assistant, ASKED)
    assert outcome.hits[0].paper.title == PAPERS[0]["title"]
    assert len(outcome.hits) == len(PAPERS)
    assert outcome.answer == assistant.ask(ASKED.question)
    assert outcome.search_ms > 0
    assert outcome.ask_ms > 0
    assert outcome.error is None


def test_a_question_that_fails_is_an_outcome_and_the_rest_goes_on(assistant: Assistant):
    failed, asked = outcomes(assistant, EMPTY, ASKED)
    assert (failed.hits, failed.answer) == ((), None)
    assert failed.error
    assert asked.answer


def test_a_history_is_passed_on(assistant: Assistant):
    follow_up = JudgedQuestion(
        id="q3", question="and how much faster is it?", history=("What is Alpha?",)
    )
    [outcome] = outcomes(assistant, follow_up)
    assert outcome.answer == assistant.ask(follow_up.question, follow_up.history)


def test_progress_is_told_question_by_question(assistant: Assistant):
    told: list[tuple[int, int]] = []
    run = run_dataset(assistant, Dataset("set", (ASKED, EMPTY)), lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
    assert run.peak_memory_mb > 0
    assert all(run.stages_ms.values())


def test_no_questions_no_outcomes(assistant: Assistant):
    assert outcomes(assistant) == ()
