"""Embed papers: their sentences, each under the title, and their tokens; or both in one pass.

In one pass over title and abstract the vector of a sentence is the mean of the title's tokens and
its own, which have read all that stands around them. So a paper is read once, in 2.5 times fewer
tokens; a claim finds it a little less often (`docs/adr/0018-one-pass.md`), so that is for who asks
for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.index.chunking import sentence_texts
from footnote.rag.index.embedding import Embedder, LocalEmbedder, vectors_of
from footnote.rag.index.encoders import Encoder, encode_all
from footnote.rag.index.token_embeddings import (
    TokenEmbeddings,
    sentence_numbers,
    unit_rows,
)

Embed = Callable[[Sequence[str]], np.ndarray]
"""Gives documents their vectors: float32, (n, dimension)."""
# A longer title stands above the beginning of a long abstract alone.
_MOST_TITLE = 400


def embed_papers(
    embedder: Embedder, papers: Sequence[Paper]
) -> tuple[list[np.ndarray], list[TokenEmbeddings] | None]:
    """Return the vectors of the sentences of each paper, and the token embeddings of each.

    Returns:
        Vectors as float32, (n_sentences, dimension). The tokens by their places in `paper_text`;
        None where the embedder gives none.
    """
    if not isinstance(embedder, LocalEmbedder):
        return _embed_alone(embedder.embed, papers), None
    encoder = embedder.for_papers(len(papers))
    return _read(encoder, papers, once=embedder.wants_one_pass)


def embed_now(
    embedder: Embedder, papers: Sequence[Paper]
) -> tuple[list[np.ndarray], list[TokenEmbeddings] | None]:
    """Embed papers as `embed_papers` does, for a question that waits: in one pass if possible.

    By what reads questions, which is loaded.
    """
    if not isinstance(embedder, LocalEmbedder):
        return _embed_alone(embedder.embed, papers), None
    return _read(embedder.questions, papers, once=True)


def _read(
    encoder: Encoder, papers: Sequence[Paper], *, once: bool
) -> tuple[list[np.ndarray], list[TokenEmbeddings]]:
    embed, tokens = partial(vectors_of, encoder), _tokens(encoder, papers)
    if not (once and encoder.averages):
        return _embed_alone(embed, papers), tokens
    means = [_sentence_means(paper, own) for paper, own in zip(papers, tokens, strict=True)]
    if unread := [number for number, own in enumerate(means) if not own.any(axis=1).all()]:
        alone = _embed_alone(embed, [papers[number] for number in unread])
        for number, vectors in zip(unread, alone, strict=True):
            is_unread = ~means[number].any(axis=1)
            means[number][is_unread] = vectors[is_unread]
    return means, tokens


def _embed_alone(embed: Embed, papers: Sequence[Paper]) -> list[np.ndarray]:
    """Return the vectors of the sentences of papers, each read by itself under the title."""
    by_paper = [sentence_texts(paper) for paper in papers]
    vectors = embed([text for own in by_paper for text in own])
    return np.split(vectors, np.cumsum([len(own) for own in by_paper]))[:-1]


def _sentence_means(paper: Paper, tokens: TokenEmbeddings) -> np.ndarray:
    """Return the mean of the tokens of the title and of each sentence.

    Returns:
        float32, (n_sentences, width), rows of unit norm; of zeros for a sentence without tokens.
    """
    numbers = sentence_numbers(paper, tokens)
    sums = np.zeros((len(paper.sentences), tokens.vectors.shape[1]), np.float32)
    np.add.at(sums, numbers[numbers >= 0], tokens.vectors[numbers >= 0])
    is_read = np.isin(np.arange(len(sums)), numbers)
    sums[is_read] += tokens.vectors[numbers < 0].sum(axis=0)
    return unit_rows(sums)


@dataclass
class _Reading:
    """How far a paper is read, window by window, and what was found."""

    paper: Paper
    begin: int = 0
    """Where in the abstract the next window begins."""
    read_to: int = 0
    """Up to where the abstract's tokens are found."""
    titled: bool = True
    """True where the title stands above the next window."""
    found: list[TokenEmbeddings] = field(default_factory=list[TokenEmbeddings])

    @property
    def window(self) -> str:
        """What is read next; of a paper that fits, its `paper_text`."""
        return self._head + self.paper.abstract[self.begin :]

    @property
    def _head(self) -> str:
        return f"{self.paper.title}\n" if self.titled else ""

    def take(self, tokens: TokenEmbeddings) -> bool:
        """Take the tokens of the window as far as it was read; returns True if there is more."""
        abstract, sentences = self.paper.abstract, self.paper.sentences
        in_title = tokens.starts < len(self._head)
        shift = self.begin - len(self._head)
        starts, ends = tokens.starts + shift, tokens.ends + shift
        reached = self.read_to if in_title.all() else int(ends[-1])
        is_over = reached >= len(abstract.rstrip())
        # One that may be cut off is read again, whole.
        whole = [s.end for s in sentences if self.read_to < s.end <= reached]
        until = whole[-1] if whole and not is_over else reached
        is_new = ~in_title & (starts >= self.read_to) & (ends <= until)
        if not self.found:
            is_new |= in_title
        # The first window's places are those of `paper_text`.
        moved = np.where(in_title, 0, shift + len(self.paper.title) + 1)
        self.found.append(
            TokenEmbeddings(
                tokens.vectors[is_new],
                (tokens.starts + moved)[is_new],
                (tokens.ends + moved)[is_new],
            )
        )
        is_stuck, was_bare = until <= self.read_to, not self.titled and self.begin == self.read_to
        # What was read last stands above what comes next, and the title, where they leave room.
        last = [s.start for s in sentences if self.begin < s.start < until]
        self.begin = self.read_to if is_stuck else last[-1] if last else until
        self.read_to = max(until, self.read_to)
        self.titled = not is_stuck and len(self.paper.title) <= _MOST_TITLE
        return not is_over and not (is_stuck and was_bare)

    def tokens(self) -> TokenEmbeddings:
        """Return all that was found, in order."""
        return TokenEmbeddings(*(np.concatenate(parts) for parts in zip(*self.found, strict=True)))


def _tokens(encoder: Encoder, papers: Sequence[Paper]) -> list[TokenEmbeddings]:
    """Read papers, long ones in windows."""
    readings = [_Reading(paper) for paper in papers]
    left = readings
    while left:
        texts = [reading.window for reading in left]
        found = dict(encode_all(encoder, texts, abstracts=True))
        left = [own for number, own in enumerate(left) if own.take(found[number].tokens)]
    return [reading.tokens() for reading in readings]
