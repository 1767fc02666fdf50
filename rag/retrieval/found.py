"""What a search finds, and the ports of what finds papers and scores them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.index.chunking import Place
from footnote.rag.index.query import Query


@dataclass(frozen=True)
class Found:
    """A paper that a search found."""

    paper_id: str
    score: float
    """In [0, 1], but for what rounding adds."""
    passage: Place | None = None
    """Its best passage; None where it was found by its words alone."""
    signals: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the score was made of, by name."""

    def scored(self, score: float, **signals: float) -> "Found":
        """Return the same with another score, and with further signals."""
        return Found(self.paper_id, score, self.passage, {**self.signals, **signals})


class Retriever(Protocol):
    """Finds papers."""

    def retrieve(self, query: Query) -> list[Found]:
        """Find papers, each once, best first."""
        ...


class Reranker(Protocol):
    """Puts papers in another order; none is dropped."""

    def rerank(self, found: Sequence[Found], query: Query) -> list[Found]:
        """Give papers new scores; best first."""
        ...


class SentenceSignal(Protocol):
    """How well each sentence of a paper speaks to a question, by one way of looking at it."""

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        """Return scores in [-1, 1] by paper id, float, (n_sentences,), without unknown papers."""
        ...


def best_first(found: Iterable[Found]) -> list[Found]:
    """Sort by score; ties go to the smaller id."""
    return sorted(found, key=lambda each: (-each.score, each.paper_id))
