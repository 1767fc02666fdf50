"""What a question asks of the vectors and tokens of papers, whichever process holds them.

A shard answers for its own papers; all of them together, asked at the same time, give what one
process that holds all gives. Words are not among it: what BM25 counts is counted over all papers,
so they are searched beside the catalogue (`docs/adr/0025-words-stay-with-the-catalogue.md`).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, wait
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from footnote.rag.core.errors import ShardLostError
from footnote.rag.core.records import Paper
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.chunking import best_of_shards, paper_of_chunk, version_id
from footnote.rag.index.dense import of_whole_papers
from footnote.rag.index.query import Query
from footnote.rag.index.sharding import shard_of
from footnote.rag.index.snapshot import Snapshot
from footnote.rag.index.token_embeddings import TokenEmbeddings
from footnote.rag.index.token_scores import Matches, TokenScores, end_to_end

Result = TypeVar("Result")
Value = TypeVar("Value")
Found = list[tuple[str, float]]
# Questions whose matches are kept, since several steps ask for those of the same papers.
_QUESTIONS_KEPT = 32
# Papers whose means are kept, of 0.5 KB each.
_MEANS_KEPT = 20_000


class Shard(Protocol):
    """A part of the papers, told by their ids alone."""

    def count_sentences(self) -> int:
        """Count the sentences, those of replaced versions included."""
        ...

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        """Find the sentences nearest to a vector; see `DenseIndex.nearest`."""
        ...

    def nearest_papers(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        """Find the papers whose means are nearest to a vector; see `CosineChroma.nearest`."""
        ...

    def cosines(self, vector: Sequence[float], versions: Iterable[str]) -> dict[str, np.ndarray]:
        """Return cosines of all sentences of versions; see `DenseIndex.cosines`."""
        ...

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with papers; see `TokenScores.matches`."""
        ...

    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the mean of each paper's tokens; see `TokenScores.means`."""
        ...


class LocalShard:
    """One shard of a snapshot, or several, read by this process."""

    def __init__(self, snapshot: Snapshot):
        """Open the files, so that they can be read on after the snapshot was deleted.

        Raises:
            IndexDamagedError: One cannot be used.
        """
        self._snapshot = snapshot
        self._dense, self._tokens = snapshot.dense, snapshot.multivector

    def count_sentences(self) -> int:
        """Count the sentences, those of replaced versions included."""
        return len(self._dense)

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        """Find the sentences nearest to a vector."""
        return self._dense.nearest(vector, depth=depth, only=only)

    def nearest_papers(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        """Find the papers whose means are nearest to a vector, in Chroma, opened by the first."""
        return self._snapshot.vectors.nearest(vector, depth=depth, only=only)

    def cosines(self, vector: Sequence[float], versions: Iterable[str]) -> dict[str, np.ndarray]:
        """Return cosines of all sentences of versions."""
        return self._dense.cosines(vector, versions)

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with papers."""
        return self._tokens.matches(question, paper_ids)

    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the mean of each paper's tokens."""
        return self._tokens.means(paper_ids)


class Placement(NamedTuple):
    """Which of several holders has which shards of a snapshot, however many that has."""

    n_shards: int
    n_holders: int

    def shards_of(self, holder: int) -> list[int]:
        """Return the numbers of the shards that a holder has, each from 0."""
        return list(range(holder, self.n_shards, self.n_holders))

    def holder_of(self, paper_id: str) -> int:
        """Return who holds a paper."""
        return shard_of(paper_id, self.n_shards) % self.n_holders


class Shards:
    """Several shards asked as one, at the same time; those that do not answer are passed over."""

    def __init__(self, shards: Mapping[int, Shard], placement: Placement, at_once: Executor):
        """Ask these.

        Args:
            shards: Those that answer, by the number of who holds them.
            placement: Who holds which papers.
            at_once: Asks each of them in a thread.

        Raises:
            ShardLostError: There are none.
        """
        if not shards:
            raise ShardLostError(
                f"none of the {placement.n_holders} shards of the index answers",
                "see `ray status` and the log of `footnote serve`",
            )
        self._shards = shards
        self._placement = placement
        self._at_once = at_once

    @property
    def is_whole(self) -> bool:
        """True where every shard answers."""
        n_holders = range(self._placement.n_holders)
        return all(n in self._shards or not self._placement.shards_of(n) for n in n_holders)

    def holds(self, paper_id: str) -> bool:
        """Return True if the shard of a paper is asked."""
        return self._placement.holder_of(paper_id) in self._shards

    def count_sentences(self) -> int:
        """Count the sentences of all."""
        return sum(self._each(lambda shard: shard.count_sentences()))

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        """Find the nearest sentences of all."""
        if only is None:
            found = self._each(lambda shard: shard.nearest(vector, depth=depth))
        else:
            found = self._own(
                only,
                str,
                lambda shard, own: shard.nearest(vector, depth=depth, only=frozenset(own)),
            )
        return best_of_shards(found, depth) if found else []

    def nearest_papers(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        """Find the nearest papers of all."""
        if only is None:
            found = self._each(lambda shard: shard.nearest_papers(vector, depth=depth))
        else:
            found = self._own(
                only,
                str,
                lambda shard, own: shard.nearest_papers(vector, depth=depth, only=frozenset(own)),
            )
        return best_of_shards(found, depth, paper_of=str) if found else []

    def cosines(self, vector: Sequence[float], versions: Iterable[str]) -> dict[str, np.ndarray]:
        """Return cosines of all sentences of versions."""
        return _joined(
            self._own(versions, paper_of_chunk, lambda shard, own: shard.cosines(vector, own))
        )

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with papers, in the order of their shards."""
        return end_to_end(
            self._own(paper_ids, str, lambda shard, own: shard.matches(question, own))
        )

    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the mean of each paper's tokens."""
        return _joined(self._own(paper_ids, str, lambda shard, own: shard.means(own)))

    def _each(self, ask: Callable[[Shard], Result]) -> list[Result]:
        """Ask all, in the order of their numbers.

        Raises:
            ShardLostError: One does not answer; the others were waited for.
        """
        return self._at_the_same_time([partial(ask, self._shards[n]) for n in sorted(self._shards)])

    def _own(
        self,
        items: Iterable[str],
        paper_of: Callable[[str], str],
        ask: Callable[[Shard, list[str]], Result],
    ) -> list[Result]:
        """Ask each shard that has any of the items for its own; see `_each`."""
        of_each: dict[int, list[str]] = {}
        for item in items:
            of_each.setdefault(self._placement.holder_of(paper_of(item)), []).append(item)
        return self._at_the_same_time(
            [partial(ask, self._shards[n], own) for n, own in of_each.items() if n in self._shards]
        )

    def _at_the_same_time(self, jobs: Sequence[Callable[[], Result]]) -> list[Result]:
        begun = [self._at_once.submit(job) for job in jobs]
        wait(begun)
        return [each.result() for each in begun]


class VectorsOf:
    """The sentences of a shard, or of all, by their vectors; as `DenseIndex` finds them."""

    def __init__(self, shard: Shard):
        self._shard = shard
        self.nearest = shard.nearest

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        """Return cosines of sentences to a question, by paper id; see `DenseIndex`."""
        versions = [version_id(paper.paper_id, paper.version) for paper in papers]
        return of_whole_papers(self._shard.cosines(query.vector, versions), papers)


class TokensOf(TokenScores):
    """The tokens of a shard, or of all, each asked for once: several steps need the same papers'.

    Safe to use from several threads.
    """

    def __init__(self, shard: Shard):
        self._shard = shard
        self._lock = threading.Lock()
        self._questions: OrderedDict[int, _Asked] = OrderedDict()
        self._means: OrderedDict[str, bytes] = OrderedDict()

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with papers; see `TokenScores`."""
        wanted, known = list(paper_ids), self._known_of(question)
        if unread := [each for each in wanted if each not in known]:
            read: dict[str, Matches | None] = dict.fromkeys(unread)
            for found in self._shard.matches(question, unread).each():
                read[found.paper_ids[0]] = found
            known |= read
        return end_to_end([own for each in wanted if (own := known[each])])

    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the mean of each paper's tokens; see `TokenScores`."""
        wanted = list(paper_ids)
        with self._lock:
            known = {each: self._means[each] for each in wanted if each in self._means}
        if unread := [each for each in wanted if each not in known]:
            read = self._shard.means(unread)
            known |= read
            with self._lock:
                self._means |= read
                while len(self._means) > _MEANS_KEPT:
                    self._means.popitem(last=False)
        return known

    def _known_of(self, question: TokenEmbeddings) -> dict[str, Matches | None]:
        """Return what is known of a question's matches, by paper; None for one without tokens.

        What is added to it is known to the next step.
        """
        key = id(question.vectors)
        with self._lock:
            asked = self._questions.setdefault(key, _Asked(question.vectors, {}))
            if len(self._questions) > _QUESTIONS_KEPT:
                self._questions.popitem(last=False)
        return asked.matches


class _Asked(NamedTuple):
    """What is known of a question's matches."""

    vectors: np.ndarray
    """Of its tokens; held, so that its `id` is no other's."""
    matches: dict[str, Matches | None]


class WordsOf:
    """The words of all papers, searched for those whose shards answer."""

    def __init__(self, words: BM25Index, shards: Shards):
        self._words = words
        self._shards = shards

    def search(self, question: str, *, depth: int, only: frozenset[str] | None = None) -> Found:
        """Return ids and scores of papers that share words with a question; see `BM25Index`."""
        found = self._words.search(question, depth=depth, only=only)
        return [each for each in found if self._shards.holds(each[0])]


def _joined(parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    return {key: value for part in parts for key, value in part.items()}
