"""Note what an answer rests on: the papers as they then were, what was found, and the settings."""

import datetime
from copy import copy
from functools import cached_property

from footnote.rag.core.records import Considered, Receipt, Setup
from footnote.rag.core.request import Depth, Manner
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.retrieval.finder import Searched

# Papers that a receipt names: beyond those that an answer is made of, little is read of them.
_NOTED = 30


class Receipts:
    """Writes the receipts of answers from one state of the papers."""

    def __init__(self, catalogue: Catalogue, setup: Setup, *, n_not_asked: int = 0):
        """Write them of these.

        Args:
            catalogue: The papers.
            setup: What answers are made with.
            n_not_asked: Papers that cannot be asked, since the shards that hold them do not answer.
        """
        self.n_not_asked = n_not_asked
        self._catalogue = catalogue
        self._setup = setup

    def in_manner(self, manner: Manner) -> "Receipts":
        """Return what notes in what manner is answered, where it is not the usual one."""
        _ = self._corpus  # counted once
        depth = {} if manner.depth is Depth.USUAL else {"depth": str(manner.depth)}
        other = copy(self)
        other._setup = self._setup.model_copy(
            update={
                "settings": self._setup.settings | depth,
                "model": self._setup.model if manner.writes else None,
            }
        )
        return other

    @property
    def n_papers(self) -> int:
        """How many papers there are."""
        return self._corpus[1]

    @property
    def n_asked(self) -> int:
        """How many of them can be asked."""
        return self.n_papers - self.n_not_asked

    def of(self, found: Searched | None) -> Receipt:
        """Note what an answer rests on.

        Args:
            found: What was found for it; None where nothing was searched for, and no shard asked.
        """
        corpus, n_papers = self._corpus
        papers = [
            Considered(paper_id=h.paper.paper_id, version=h.paper.version, score=round(h.score, 4))
            for h in (found.hits[:_NOTED] if found else ())
        ]
        return Receipt(
            asked_at=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
            corpus=corpus,
            n_papers=n_papers,
            setup=self._setup,
            papers=tuple(papers),
            queries=found.queries if found else (),
            unordered=found.unordered if found else None,
            n_not_asked=self.n_not_asked if found else 0,
        )

    @cached_property
    def _corpus(self) -> tuple[str, int]:
        """The fingerprint of all papers, and how many there are."""
        return self._catalogue.fingerprint(), self._catalogue.count_served()
