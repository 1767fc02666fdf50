"""Ask every question of a set, through the same Assistant that answers everyone else."""

import time
from collections.abc import Callable
from contextlib import suppress

from footnote.eval.citations import CitationScores, Judge, citation_scores
from footnote.eval.datasets import Dataset, JudgedQuestion
from footnote.eval.timing import peak_memory_mb, stages
from footnote.rag.assistant import Assistant
from footnote.rag.core.base import Record
from footnote.rag.core.errors import FootnoteError
from footnote.rag.core.records import Answer, Hit

# As deep as the deepest measure looks.
DEPTH = 100


class Outcome(Record):
    """What came of one question."""

    question: JudgedQuestion
    hits: tuple[Hit, ...]
    answer: Answer | None
    error: str | None = None
    """Why there are no hits and no answer: a crash counts as a wrong answer."""
    search_ms: float | None = None
    ask_ms: float | None = None
    """Null where nobody timed it."""
    citations: CitationScores | None = None
    """How well citations support what a model wrote; null for quotes and refusals."""


class Run(Record):
    """All outcomes, in the order of the questions."""

    outcomes: tuple[Outcome, ...]
    peak_memory_mb: float | None
    stages_ms: dict[str, tuple[float, ...]]
    """Durations of each stage of retrieval, by its name."""


def run_dataset(
    assistant: Assistant,
    dataset: Dataset,
    on_progress: Callable[[int, int], None],
    judge: Judge | None = None,
) -> Run:
    """Search and ask each question; one that fails is an outcome too, and the rest goes on.

    Args:
        assistant: What is measured.
        dataset: The questions.
        on_progress: Called with the number of questions done and of all.
        judge: Judges citations; without one they are not.
    """
    if dataset.questions:  # the first call of a process opens files and warms caches
        with suppress(FootnoteError):
            assistant.ask(dataset.questions[0].question)
    outcomes: list[Outcome] = []
    with stages() as found:
        for question in dataset.questions:
            outcomes.append(_outcome(assistant, question, judge))
            on_progress(len(outcomes), len(dataset.questions))
    return Run(
        outcomes=tuple(outcomes),
        peak_memory_mb=peak_memory_mb(),
        stages_ms={name: tuple(durations) for name, durations in found.items()},
    )


def _outcome(assistant: Assistant, question: JudgedQuestion, judge: Judge | None) -> Outcome:
    started = time.perf_counter()
    try:
        hits = assistant.search(question.question, DEPTH, question.history)
        searched = time.perf_counter()
        answer = assistant.ask(question.question, question.history)
    except FootnoteError as error:
        return Outcome(
            question=question, hits=(), answer=None, error=str(error), search_ms=0, ask_ms=0
        )
    answered = time.perf_counter()
    return Outcome(
        question=question,
        hits=tuple(hits),
        answer=answer,
        search_ms=(searched - started) * 1000,
        ask_ms=(answered - searched) * 1000,
        citations=citation_scores(answer, judge) if judge else None,
    )
