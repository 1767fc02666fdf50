"""Answers that another system gave to the questions of a set, to be scored as ours are."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from footnote.eval.datasets import (
    Dataset,
    JudgedQuestion,
    ids_by_name,
    lines_of,
    name_key,
    no_paper,
    reason_of,
    refuse,
)
from footnote.eval.run import DEPTH, Outcome, Run
from footnote.rag.core.base import Record
from footnote.rag.core.records import Answer, Block, Hit, Paper, Sentence, Source
from footnote.rag.core.text import sentence_spans


class Given(Record):
    """What a system gave to one question."""

    id: str
    """Of the question."""
    papers: tuple[str, ...] = ()
    """What it found, by title or id, best first; the first 100 count."""
    answer: str = ""
    """What its reader is told, without marks of citations; nothing is a refusal."""
    cites: tuple[str, ...] = ()
    """The papers that the answer cites, by title or id, in its order."""
    count: int | None = None
    """How many papers there are, where it was asked for that."""
    refused: bool = False
    """True where it says that the papers do not answer."""


def load_given(
    file: Path, dataset: Dataset, papers: Iterable[Paper], aliases: Mapping[str, str]
) -> Run:
    """Read answers as a run; a question without one is an outcome that failed.

    Args:
        file: Of JSON objects, one a line, with the fields of `Given`.
        dataset: The questions.
        papers: All that could be found.
        aliases: Paper ids by the further ids under which they are found.

    Raises:
        DatasetError: The file is absent or empty, or a line of it has a fault: not JSON, a wrong
            or unknown field, a question that is not in the set or was answered before, a paper
            that is not there. All faults are listed.
    """
    by_id = {paper.paper_id: paper for paper in papers}
    ids = ids_by_name(by_id.values(), aliases)
    named = {name: by_id[paper_id] for name, paper_id in ids.items() if paper_id in by_id}
    asked = {question.id for question in dataset.questions}
    given: dict[str, Given] = {}
    faults: list[str] = []
    for number, line in lines_of(file):
        try:
            one = Given.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            faults.append(f"line {number}: {reason_of(error)}")
            continue
        if one.id not in asked:
            faults.append(f"line {number}: no question has the id {one.id!r}")
        if one.id in given:
            faults.append(f"line {number}: question {one.id!r} was answered before")
        unknown = [name for name in (*one.papers, *one.cites) if name_key(name) not in named]
        faults += [f"line {number}: {no_paper(name)}" for name in unknown]
        given[one.id] = one
    refuse(file, faults, given, "answer")
    return Run(
        outcomes=tuple(_outcome(q, given.get(q.id), named) for q in dataset.questions),
        peak_memory_mb=None,
        stages_ms={},
    )


def _outcome(question: JudgedQuestion, one: Given | None, named: Mapping[str, Paper]) -> Outcome:
    if one is None:
        return Outcome(question=question, hits=(), answer=None, error="no answer was given")
    found = _called(one.papers, named)[:DEPTH]
    return Outcome(
        question=question,
        hits=tuple(
            Hit(paper=paper, score=1 / rank, passage=paper.sentences[0])
            for rank, paper in enumerate(found, start=1)
        ),
        answer=_answer(question, one, _called(one.cites, named)),
    )


def _called(names: Iterable[str], named: Mapping[str, Paper]) -> list[Paper]:
    """Return the papers of these names, each once, in order."""
    found = (named[name_key(name)] for name in names)
    return [*{paper.paper_id: paper for paper in found}.values()]


def _answer(question: JudgedQuestion, one: Given, cited: Iterable[Paper]) -> Answer:
    refused = one.refused or not one.answer.strip()
    said = () if refused else tuple(_sentences(one.answer))
    return Answer(
        question=question.question,
        answer=one.answer,
        refused=refused,
        reason=one.answer if refused else None,
        sentences=said,
        sources=tuple(Source.of(paper, n) for n, paper in enumerate(cited, start=1)),
        mode="llm",
        blocks=(
            Block(
                form="prose" if one.count is None else "count",
                n=one.count,
                sentences=tuple(range(len(said))),
            ),
        ),
    )


def _sentences(answer: str) -> Iterator[Sentence]:
    """Give each sentence of an answer; none is bound to a quote, as nobody has looked for one."""
    for start, end in sentence_spans(answer):
        yield Sentence(text=answer[start:end], verdict="unbound", citations=())
