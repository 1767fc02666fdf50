"""Fit the threshold of refusals to the papers at hand, by questions made from them.

Of each paper drawn two questions are made: its title, and the rarest words of one of its sentences.
Each is asked twice, of all papers and with this one held out; then, mostly, none answers it.
"""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from footnote.rag.answering.sentences import Vocabulary
from footnote.rag.assistant import Assistant
from footnote.rag.core.base import Record
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Filters, Kind, Request
from footnote.rag.index.writer import Progress, unwatched

# Of the answerable questions so many are refused at the threshold that is advised.
WRONGLY_REFUSED = 0.05
_THRESHOLDS = tuple(round(0.05 * n, 2) for n in range(1, 17))
_LEAST_PAPERS = 10
_WORDS = 6


class Point(Record):
    """What one threshold would do."""

    threshold: float
    coverage: float
    """Share of the questions whose paper is there that are answered."""
    refused: float
    """Share of the questions whose paper is held out that are refused."""
    risk: float | None
    """Share of what is answered whose paper is held out; null where nothing is answered."""


class Calibration(Record):
    """The threshold that suits the papers, and the risk and coverage of others."""

    n_papers: int
    n_questions: int
    threshold: float
    """At which `WRONGLY_REFUSED` of the answerable questions are refused."""
    at_threshold: Point
    line: tuple[Point, ...]


class _Asked(NamedTuple):
    confidence: float
    is_answerable: bool


def calibrate(
    assistant: Assistant,
    words: Vocabulary,
    *,
    n_papers: int = 100,
    seed: int = 0,
    on_progress: Progress = unwatched,
) -> Calibration:
    """Ask questions made from papers drawn at random, and read the threshold off the answers.

    Raises:
        DatasetError: There are fewer than ten papers.
    """
    paper_ids = sorted(assistant.catalogue.matching(Filters()))
    if len(paper_ids) < _LEAST_PAPERS:
        raise DatasetError(
            f"the papers are too few to calibrate with: {len(paper_ids)}",
            f"add papers until there are {_LEAST_PAPERS}",
        )
    chance = random.Random(seed)  # noqa: S311
    ids = chance.sample(paper_ids, min(n_papers, len(paper_ids)))
    drawn = list(assistant.catalogue.served(ids).values())
    asked: list[_Asked] = []
    for n_done, paper in enumerate(drawn):
        on_progress("asking", n_done, len(drawn))
        for question in _questions(paper, words, chance):
            asked += _ask_twice(assistant, question, paper)
    return _read_off(asked, len(drawn))


def _questions(paper: Paper, words: Vocabulary, chance: random.Random) -> Iterator[str]:
    """Yield the title of a paper, and the rarest words of one of its sentences, in their order."""
    yield paper.title
    sentence = paper.quote(chance.choice(paper.sentences))
    rarity = {
        word: max(map(words.idf, words.terms(word)), default=0.0) for word in sentence.split()
    }
    rarest = sorted(rarity, key=lambda word: -rarity[word])[:_WORDS]
    if kept := " ".join(word for word in rarity if word in rarest and rarity[word]):
        yield kept


def _ask_twice(assistant: Assistant, question: str, paper: Paper) -> Iterator[_Asked]:
    request = Request(question=question, kind=Kind.DEFINITION)
    yield _Asked(assistant.draft(question, request=request).confidence, is_answerable=True)
    held_out = assistant.draft(question, request=request, without={paper.paper_id})
    yield _Asked(held_out.confidence, is_answerable=False)


def _read_off(asked: Sequence[_Asked], n_papers: int) -> Calibration:
    there = np.array([a.confidence for a in asked if a.is_answerable])
    held_out = np.array([a.confidence for a in asked if not a.is_answerable])
    threshold = round(float(np.quantile(there, WRONGLY_REFUSED)), 2)
    return Calibration(
        n_papers=n_papers,
        n_questions=len(asked),
        threshold=threshold,
        at_threshold=_point(there, held_out, threshold),
        line=tuple(_point(there, held_out, at) for at in _THRESHOLDS),
    )


def _point(there: np.ndarray, held_out: np.ndarray, threshold: float) -> Point:
    n_right, n_wrong = int((there >= threshold).sum()), int((held_out >= threshold).sum())
    return Point(
        threshold=threshold,
        coverage=n_right / len(there),
        refused=1 - n_wrong / len(held_out),
        risk=n_wrong / (n_right + n_wrong) if n_right + n_wrong else None,
    )
