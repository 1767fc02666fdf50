"""Papers made of sentences of others, whose vectors and tokens are known: nothing is embedded.

A made paper has the title of a paper, with a number after it, and sentences of the papers most like
that one, so that it is about something. Its sentences' vectors are theirs, each moved from what its
own paper is about towards what the title's is: a sentence under another title has another vector.
Its tokens are theirs as they are kept. Facts, such as a date, are those of the title's paper.
"""

import random
import time
from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from footnote.ingest.identity.keys import identity_keys
from footnote.ingest.identity.merge import CLEANING
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Paper, fingerprint, paper_id
from footnote.rag.core.text import Span
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.chunking import version_id
from footnote.rag.index.index import Index
from footnote.rag.index.multivector import Pooled
from footnote.rag.index.snapshot import Snapshot
from footnote.rag.index.stored import Part, Regrouping
from footnote.rag.index.writer import Progress

_FEWEST, _MOST = 4, 9
# Papers that the sentences of a made one are from: those most like that of its title.
_ALIKE = 40
# How far a vector is moved towards its new title's paper. Of 0, 0.25, 0.5, 0.75 and 1 what came
# nearest to the embedder's own vectors (`docs/scale.md`).
MOVED = 0.75
# Papers whose likeness to all others is computed at once.
_ROWS = 1_000
# Papers that are written at once. A writer that embeds has 64: of 10,000 papers words took 2.3 ms
# each with 64, and 0.65 with so many.
_BATCH = 1_000
# Papers a transaction of the catalogue, as an ingest has it.
_SAVED_AT_ONCE = 200


class _Sentence(NamedTuple):
    text: str
    paper: int
    """Number of the paper that it is from."""
    vector: np.ndarray
    tokens: np.ndarray


class Recombined:
    """Makes papers of those of an index, and adds them to others; it is the writer's `Elsewhere`.

    The same number is always the same paper.
    """

    def __init__(self, index: Index, *, without: Collection[str]):
        """Read what papers are made of.

        Args:
            index: Holds them.
            without: Ids of papers of which nothing is taken.

        Raises:
            DatasetError: There are no others, or none with tokens.
        """
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Processor time that it took to add papers, by part of the index."""
        papers = [p for p in index.catalogue.each_paper() if p.paper_id not in without]
        vectors = index.snapshot().dense.vectors(papers)
        tokens = index.multivector.pooled(paper.paper_id for paper in papers)
        self._papers = [p for p in papers if p.paper_id in vectors and p.paper_id in tokens]
        if not self._papers:
            raise DatasetError(
                f"index {index.folder} holds nothing to make papers of: take in further papers, "
                "with an embedder that gives token embeddings"
            )
        self._means = np.array([vectors[p.paper_id].mean(axis=0) for p in self._papers])
        self._titles = [_of(tokens[p.paper_id], -1) for p in self._papers]
        self._sentences: list[_Sentence] = []
        first = [0]
        for number, paper in enumerate(self._papers):
            own, found = vectors[paper.paper_id], tokens[paper.paper_id]
            self._sentences += [
                _Sentence(paper.quote(span), number, own[at], _of(found, at))
                for at, span in enumerate(paper.sentences)
            ]
            first.append(len(self._sentences))
        self._near = [
            np.concatenate([np.arange(first[at], first[at + 1]) for at in alike])
            for alike in _alike(self._means)
        ]

    def papers(self, numbers: range) -> Iterator[Paper]:
        """Make the papers of these numbers."""
        for number in numbers:
            title, chosen = self._chosen(number)
            yield self._paper(number, title, chosen)

    def save(self, catalogue: Catalogue, numbers: range, on_progress: Progress) -> None:
        """Save the papers of these numbers, each the only record of itself.

        Which records are one paper is not asked: so many that share sentences would all have to be
        compared.
        """
        with self._timed("catalogue"):
            for first in range(numbers.start, numbers.stop, _SAVED_AT_ONCE):
                own = range(first, min(first + _SAVED_AT_ONCE, numbers.stop))
                papers = list(self.papers(own))
                parts = {
                    p.paper_id: [Part(fingerprint(p.title), p, cleaning=CLEANING)] for p in papers
                }
                keyed = [(paper, identity_keys(paper)) for paper in papers]
                catalogue.regroup(Regrouping(keyed, parts, aliases={}, gone=[]))
                on_progress("saving", own.stop - numbers.start, len(numbers))

    def fill(self, snapshot: Snapshot, catalogue: Catalogue, on_progress: Progress) -> None:
        """Add all papers that the catalogue has pending, all of them made ones, and mark them."""
        total, done, last = catalogue.count_pending(), 0, ""
        # A shard gets as many at once as the one shard of a small index would.
        while papers := catalogue.pending(_BATCH * snapshot.card.shards, last):
            last = papers[-1].paper_id
            self._add(papers, snapshot)
            with self._timed("catalogue"):
                catalogue.mark_indexed(papers)
            done += len(papers)
            on_progress("indexing", done, total)

    def _add(self, papers: Sequence[Paper], snapshot: Snapshot) -> None:
        """Add papers to each part of a snapshot, as it does itself, and see how long each takes."""
        with self._timed("making"):
            versions = [version_id(paper.paper_id, paper.version) for paper in papers]
            numbers = [_number_of(paper) for paper in papers]
            vectors = [self.vectors(number) for number in numbers]
            tokens = [self._tokens(number) for number in numbers]
        with self._timed("dense"):
            snapshot.dense.add(zip(versions, vectors, strict=True))
        with self._timed("chroma"):
            snapshot.add_means(papers)
        with self._timed("bm25"):
            snapshot.bm25.replace(papers)
        with self._timed("multivector"):
            ids = (paper.paper_id for paper in papers)
            snapshot.multivector.add_pooled(zip(ids, tokens, strict=True))

    def _chosen(self, number: int) -> tuple[int, list[int]]:
        """Return the number of the paper that gives the title, and those of the sentences."""
        drawn = random.Random(number)  # noqa: S311 - papers, not secrets
        title = drawn.randrange(len(self._papers))
        near = self._near[title]
        n_sentences = min(drawn.randint(_FEWEST, _MOST), len(near))
        return title, near[drawn.sample(range(len(near)), n_sentences)].tolist()

    def _paper(self, number: int, title: int, chosen: Sequence[int]) -> Paper:
        texts = [self._sentences[at].text for at in chosen]
        ends = np.cumsum([len(text) + 1 for text in texts]).tolist()
        spans = [Span(end - 1 - len(text), end - 1) for text, end in zip(texts, ends, strict=True)]
        abstract, of_title = " ".join(texts), self._papers[title]
        name = f"{of_title.title} {number}"
        return Paper(
            paper_id=paper_id(name),
            title=name,
            abstract=abstract,
            sentences=tuple(spans),
            titles=(name,),
            original_title=name,
            original_abstract=abstract,
            date=of_title.date,
            n_authors=of_title.n_authors,
            organisation=of_title.organisation,
            upvotes=of_title.upvotes,
            sightings=of_title.sightings,
            authors=of_title.authors,
        )

    def vectors(self, number: int, moved: float = MOVED) -> np.ndarray:
        """Return the vectors of a made paper's sentences; float32, (n_sentences, dimension).

        Args:
            number: Of the paper.
            moved: How far each is moved from its own paper's mean to that of the title's.
        """
        title, chosen = self._chosen(number)
        sentences = [self._sentences[at] for at in chosen]
        before = self._means[[sentence.paper for sentence in sentences]]
        own = np.array([sentence.vector for sentence in sentences])
        return own + moved * (self._means[title] - before)

    def _tokens(self, number: int) -> Pooled:
        title, chosen = self._chosen(number)
        runs = [self._titles[title], *(self._sentences[at].tokens for at in chosen)]
        numbers = np.repeat(np.arange(-1, len(chosen)), [len(run) for run in runs])
        return Pooled(np.concatenate(runs), numbers)

    @contextmanager
    def _timed(self, part: str) -> Generator[None]:
        started = time.process_time()
        try:
            yield
        finally:
            self.seconds[part] += time.process_time() - started


def _number_of(made: Paper) -> int:
    return int(made.title.rpartition(" ")[2])


def _of(tokens: Pooled, sentence: int) -> np.ndarray:
    return tokens.vectors[tokens.numbers == sentence]


def _alike(means: np.ndarray) -> Iterator[np.ndarray]:
    """Yield for each paper the numbers of those most like it, itself among them."""
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    n_alike = min(_ALIKE, len(unit))
    for first in range(0, len(unit), _ROWS):
        cosines = unit[first : first + _ROWS] @ unit.T
        yield from np.argpartition(-cosines, n_alike - 1, axis=1)[:, :n_alike]
