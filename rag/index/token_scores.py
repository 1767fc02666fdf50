"""Scores of late interaction, wherever the tokens of papers lie.

Who holds the tokens of some papers says how well each token of a question is matched by each of
their sentences (`Matches`): the largest of products of whole numbers, so the same whoever else's
papers it holds. All that rounds is computed here, of all papers at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.index.token_embeddings import TokenEmbeddings


class Matches(NamedTuple):
    """How well papers match the tokens of a question, their titles and sentences end to end."""

    paper_ids: list[str]
    """Of papers that have tokens."""
    firsts: np.ndarray
    """int, (n_papers,): where each paper's rows begin."""
    numbers: np.ndarray
    """int16, (n,): the sentence that each row is of, -1 for a title, which comes first."""
    best: np.ndarray
    """float32, (n, tokens of the question), in [-1, 1]."""

    def each(self) -> list["Matches"]:
        """Return those of each paper by itself."""
        ends = [*self.firsts[1:], len(self.best)][: len(self.paper_ids)]
        return [
            Matches([own], np.zeros(1, int), self.numbers[first:end], self.best[first:end])
            for own, first, end in zip(self.paper_ids, self.firsts, ends, strict=True)
        ]


NONE = Matches([], np.zeros(0, int), np.zeros(0, np.int16), np.zeros((0, 0), np.float32))
"""Of no paper."""


def end_to_end(parts: Sequence[Matches]) -> Matches:
    """Join matches of the same question with different papers, in order."""
    if not parts:
        return NONE
    begins = np.cumsum([0, *(len(part.best) for part in parts[:-1])])
    return Matches(
        [own for part in parts for own in part.paper_ids],
        np.concatenate([part.firsts + at for part, at in zip(parts, begins, strict=True)]),
        np.concatenate([part.numbers for part in parts]),
        np.concatenate([part.best for part in parts]),
    )


class TokenScores(ABC):
    """Scores papers and their sentences by how well they match the tokens of a question."""

    @abstractmethod
    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with papers, in this order; those without tokens are left out.

        None are found for a question without tokens.
        """

    @abstractmethod
    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the mean of each paper's tokens: float32, (width,), unit norm, as bytes.

        Papers without tokens are left out.
        """

    def token_scores(
        self, question: TokenEmbeddings, paper_ids: Iterable[str]
    ) -> Mapping[str, np.ndarray]:
        """Match each token of a question with papers; in [-1, 1] by paper id, float32, (n,)."""
        found = self.matches(question, paper_ids)
        if not found.paper_ids:
            return {}
        best = np.maximum.reduceat(found.best, found.firsts, axis=0)
        return dict(zip(found.paper_ids, best, strict=True))

    def paper_scores(
        self, question: TokenEmbeddings, weights: np.ndarray, paper_ids: Iterable[str]
    ) -> dict[str, float]:
        """Score how well papers match, in [-1, 1]; those without token embeddings are left out.

        The mean of two weighted MaxSims: of the whole paper, and of the one sentence of it that
        matches best, its title counting for every sentence. The first finds a paper that speaks of
        everything that is asked, the second one that says it in one place.
        """
        papers, firsts, numbers, best = self.matches(question, paper_ids)
        if not papers:
            return {}
        lengths = np.diff([*firsts, len(best)])
        has_title = numbers[firsts] < 0
        titles = np.where(has_title[:, None], best[firsts], np.float32(-1))
        shares = weights / weights.sum()
        of_sentences = np.maximum(best, np.repeat(titles, lengths, axis=0)) @ shares
        sentence = np.maximum.reduceat(of_sentences, firsts)
        whole = np.maximum.reduceat(best, firsts, axis=0) @ shares
        scores = ((whole + sentence) / 2).tolist()
        return dict(zip(papers, scores, strict=True))

    def sentence_scores(
        self, question: TokenEmbeddings, weights: np.ndarray, papers: Iterable[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Return the weighted MaxSim of each sentence, by paper id; float32, (n_sentences,).

        With a column of `weights` a weighting, (tokens of the question, n), it is (n_sentences, n).
        A title's tokens count for every sentence, since what a sentence is about is often named
        there alone. A sentence that was cut off by the embedder's limit scores as its title does.
        """
        by_id = {paper.paper_id: paper for paper in papers}
        scores: dict[str, np.ndarray] = {}
        for own in self.matches(question, by_id).each():
            [paper_id] = own.paper_ids
            of_paper = _by_sentence(own.best, own.numbers, len(by_id[paper_id].sentences))
            scores[paper_id] = of_paper @ weights / weights.sum(axis=0)
        return scores

    def paper_vectors(self, paper_ids: Sequence[str]) -> np.ndarray:
        """Return what each paper is about as a whole: the mean of its token embeddings.

        Returns:
            float32, (len(paper_ids), width), unit norm; a row of zeros for a paper without tokens.
        """
        means = self.means(paper_ids)
        width = max(map(len, means.values()), default=4)
        rows = b"".join(means.get(paper_id, bytes(width)) for paper_id in paper_ids)
        return np.frombuffer(rows, np.float32).reshape(len(paper_ids), width // 4)


def _by_sentence(runs: np.ndarray, numbers: np.ndarray, n_sentences: int) -> np.ndarray:
    """Match each token asked with each sentence or the title; (n_sentences, tokens).

    Args:
        runs: Best matches in runs of tokens, (n_runs, tokens).
        numbers: The sentence that each run lies in, -1 for the title.
        n_sentences: How many sentences there are, those without tokens included.
    """
    best = np.full((n_sentences, runs.shape[1]), -1.0, np.float32)
    of_title = runs[numbers < 0]
    if len(of_title):
        best[:] = of_title.max(axis=0)
    # Tokens of a longer version may be here before that version is served.
    is_own = (numbers >= 0) & (numbers < n_sentences)
    np.maximum.at(best, numbers[is_own], runs[is_own])
    return best
