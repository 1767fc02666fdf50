"""Rerank the papers found: by late interaction, and by their neighbours."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.core.stages import stage
from footnote.rag.core.text import fold
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.query import Query
from footnote.rag.index.token_embeddings import TokenEmbeddings
from footnote.rag.index.token_scores import TokenScores
from footnote.rag.retrieval.found import Found, best_first

# A word that is everywhere counts a little: `not` and `without` are such words.
_LEAST_WEIGHT = 0.3
# Where the topic is known, its words count this share of what is asked of it.
_OF_THE_TOPIC = 0.1
# Of 3, 5, 10 and 20 what cost SciFact least for what it gave the other two sets.
_NEIGHBOURS = 20


class LateInteraction:
    """Fuses the scores of papers with their token embeddings' weighted MaxSim."""

    def __init__(self, multivector: TokenScores, bm25: BM25Index, *, weight: float):
        """Fuse; `weight` is the share of late interaction in the new score."""
        self._multivector = multivector
        self._bm25 = bm25
        self._weight = weight

    @stage("late interaction")
    def rerank(self, found: Sequence[Found], query: Query) -> list[Found]:
        """Give papers new scores; best first."""
        if query.tokens is None or not len(query.tokens.starts):
            return list(found)
        weights = token_weights(query.text, query.tokens, self._bm25)
        ids = [each.paper_id for each in found]
        late = self._multivector.paper_scores(query.tokens, weights, ids)
        return best_first(self._fused(each, late.get(each.paper_id)) for each in found)

    def _fused(self, each: Found, late: float | None) -> Found:
        share = each.score if late is None else late
        score = self._weight * max(share, 0.0) + (1 - self._weight) * each.score
        signals = {} if late is None else {"late interaction": late}
        return each.scored(score, **signals)


class Neighbours:
    """Draws each score towards those of the papers most like it (Diaz, 2005).

    Papers on one subject speak to the same questions: one that says so in other words is carried by
    its neighbours, and one that only shares words with the question stands alone.
    """

    def __init__(self, multivector: TokenScores, *, weight: float):
        """Draw; `weight` is the share of the neighbours' mean in the new score."""
        self._multivector = multivector
        self._weight = weight

    @stage("neighbours")
    def rerank(self, found: Sequence[Found], query: Query) -> list[Found]:
        """Give papers new scores; best first."""
        del query
        likeness = self._likeness([each.paper_id for each in found])
        scores = np.array([each.score for each in found])
        weights = likeness.sum(axis=1)
        around = np.where(
            weights > 0, likeness @ scores / np.where(weights > 0, weights, 1), scores
        )
        drawn = (1 - self._weight) * scores + self._weight * around
        return best_first(
            each.scored(score) for each, score in zip(found, drawn.tolist(), strict=True)
        )

    def _likeness(self, paper_ids: Sequence[str]) -> np.ndarray:
        """Return cosines of papers to their nearest, 0 to the others; float32, (n, n), [0, 1]."""
        vectors = self._multivector.paper_vectors(paper_ids)
        likeness = np.clip(vectors @ vectors.T, 0, 1)
        np.fill_diagonal(likeness, 0)
        if len(paper_ids) > _NEIGHBOURS:
            least = np.partition(likeness, -_NEIGHBOURS, axis=1)[:, -_NEIGHBOURS]
            likeness[likeness < least[:, None]] = 0
        return likeness


class LateSentences:
    """Scores sentences by late interaction; none for an embedder without token embeddings."""

    def __init__(self, multivector: TokenScores, bm25: BM25Index):
        self._multivector = multivector
        self._bm25 = bm25

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        """Return the weighted MaxSim in [-1, 1] by paper id; float32, (n_sentences,)."""
        return self.scores_beside(query, papers, ())[0]

    def scores_beside(
        self, query: Query, papers: Sequence[Paper], topic: Collection[str]
    ) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
        """Return the weighted MaxSim by all words, and by those beside a topic.

        Args:
            query: The question.
            papers: Of which all sentences are scored.
            topic: Words of the question, folded, that count little: what it asks is beside them.

        Returns:
            Each in [-1, 1] by paper id; float32, (n_sentences,).
        """
        tokens = query.tokens
        if not papers or tokens is None or not len(tokens.starts):
            return {}, {}
        weights = token_weights(query.text, tokens, self._bm25)
        of_topic = np.zeros(len(weights), bool)
        if topic:
            words = _words_of(query.text, tokens)
            of_topic = np.array([fold(word) in topic for word in words])
        if of_topic.all() or not of_topic.any():
            scores = self._multivector.sentence_scores(tokens, weights, papers)
            return scores, scores
        beside = weights * np.where(of_topic, _OF_THE_TOPIC, 1).astype(np.float32)
        # Compared once, weighed twice: to compare takes nearly all of the time.
        both = np.stack([weights, beside], axis=1)
        found = self._multivector.sentence_scores(tokens, both, papers)
        by_all, by_asked = ({key: own[:, at] for key, own in found.items()} for at in (0, 1))
        return by_all, by_asked

    def word_scores(
        self, query: Query, asked: Sequence[str], papers: Sequence[Paper]
    ) -> Mapping[str, float]:
        """Return how well the papers match words of the question; in [-1, 1].

        Args:
            query: The question.
            asked: Words of it; one that it does not have is left out.
            papers: Of these, the one that matches a word best counts.
        """
        tokens = query.tokens
        if not asked or tokens is None or not len(tokens.starts):
            return {}
        best = self._multivector.token_scores(tokens, [paper.paper_id for paper in papers]).values()
        tokens_of: defaultdict[str, list[int]] = defaultdict(list)
        for at, word in enumerate(_words_of(query.text, tokens)):
            tokens_of[word].append(at)
        return {
            word: max(float(of_paper[tokens_of[word]].mean()) for of_paper in best)
            for word in asked
            if best and word in tokens_of
        }


def token_weights(question: str, tokens: TokenEmbeddings, bm25: BM25Index) -> np.ndarray:
    """Weigh each token of a question by the rarity of the word it is part of.

    Returns:
        float32, (n,), above 0.
    """
    words = _words_of(question, tokens)
    rarity = {
        word: max((bm25.idf(term) for term in bm25.terms(word)), default=0.0) for word in set(words)
    }
    return np.array([rarity[word] + _LEAST_WEIGHT for word in words], np.float32)


def _words_of(question: str, tokens: TokenEmbeddings) -> list[str]:
    """Return the word that each token is part of, or the words it joins: `A/B` for its `/`."""
    # Read once, not from each token anew: a question without spaces is one word of many tokens.
    first, last = list(range(len(question) + 1)), list(range(len(question) + 1))
    for at, character in enumerate(question):
        if character.isalnum():
            first[at + 1] = first[at]
    for at in range(len(question) - 1, -1, -1):
        if question[at].isalnum():
            last[at] = last[at + 1]
    return [
        question[first[start] : last[end]]
        for start, end in zip(tokens.starts, tokens.ends, strict=True)
    ]
