"""Put the papers found in a better order, by late interaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.embed import Question
from rag.lexical import LexicalIndex
from rag.pieces import Pieces
from rag.retrieve import fuse_scores
from rag.schema import Paper
from rag.tokens import TokenIndex

# A word that is everywhere counts a little: `not` and `without` are such words.
_LEAST_WEIGHT = 0.3


class LateInteraction(BaseNodePostprocessor):
    """Fuses the scores of nodes, one a paper, with the weighted MaxSim of their word pieces."""

    weight: float
    """Share of late interaction in the new score."""
    _tokens: TokenIndex = PrivateAttr()
    _lexical: LexicalIndex = PrivateAttr()

    def __init__(self, tokens: TokenIndex, lexical: LexicalIndex, **settings: Any):  # noqa: ANN401
        super().__init__(**settings)
        self._tokens = tokens
        self._lexical = lexical

    @classmethod
    def class_name(cls) -> str:
        """The name that LlamaIndex registers it by."""
        return "LateInteraction"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        pieces = query_bundle.pieces if isinstance(query_bundle, Question) else None
        if pieces is None or not len(pieces.starts) or query_bundle is None:
            return nodes
        by_paper = {node.node.metadata["paper_id"]: node for node in nodes}
        weights = piece_weights(query_bundle.query_str, pieces, self._lexical)
        late = self._tokens.paper_scores(pieces, weights, by_paper)
        for paper_id, score in late.items():
            signals = by_paper[paper_id].node.metadata.setdefault("signals", {})
            signals["late interaction"] = score
        before = {paper_id: node.get_score() for paper_id, node in by_paper.items()}
        return [
            NodeWithScore(node=by_paper[paper_id].node, score=score)
            for paper_id, score in fuse_scores(late, before, weight=self.weight)
        ]


class LateSentences:
    """Scores sentences by late interaction; none of them for an embedder without pieces."""

    def __init__(self, tokens: TokenIndex, lexical: LexicalIndex):
        self._tokens = tokens
        self._lexical = lexical

    def sentence_scores(
        self, query: QueryBundle, papers: Sequence[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Weighted MaxSim in [-1, 1] by paper id; float32, (n_sentences,)."""
        pieces = query.pieces if isinstance(query, Question) else None
        if pieces is None or not len(pieces.starts):
            return {}
        weights = piece_weights(query.query_str, pieces, self._lexical)
        return self._tokens.sentence_scores(pieces, weights, papers)


def piece_weights(question: str, pieces: Pieces, lexical: LexicalIndex) -> np.ndarray:
    """How much each piece of a question counts: the rarity of the word it is part of.

    Returns:
        float32, (n,), above 0.
    """
    words = [
        _word_around(question, start, end)
        for start, end in zip(pieces.starts, pieces.ends, strict=True)
    ]
    rarity = {
        word: max((lexical.idf(term) for term in lexical.terms(word)), default=0.0)
        for word in set(words)
    }
    return np.array([rarity[word] + _LEAST_WEIGHT for word in words], np.float32)


def _word_around(text: str, start: int, end: int) -> str:
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return text[start:end]
