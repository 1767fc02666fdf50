"""Rerank the best papers by a cross-encoder: slower, and better for those who have one."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from footnote.rag.core.errors import ConfigError, PluginError
from footnote.rag.core.plugins import Group, find
from footnote.rag.core.records import Paper

Score = Callable[[list[tuple[str, str]]], list[float]]
"""Chances in [0, 1] that texts answer questions, in order."""


class CrossEncoded(BaseNodePostprocessor):
    """Reads the question with the title and abstract of each of the best papers.

    The new score is the mean of the model's and the one before, so that what reads words alone is
    not overruled by what may not know a name. The papers after the best stay behind them.
    """

    depth: int
    """Papers that are read."""
    _score: Score = PrivateAttr()
    _papers: Callable[[Iterable[str]], Mapping[str, Paper]] = PrivateAttr()

    def __init__(
        self,
        score: Score,
        papers: Callable[[Iterable[str]], Mapping[str, Paper]],
        **settings: Any,  # noqa: ANN401
    ):
        super().__init__(**settings)
        self._score = score
        self._papers = papers

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex registers it by."""
        return "CrossEncoded"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            return nodes
        papers = self._papers(node.node.metadata["paper_id"] for node in nodes[: self.depth])
        read = [n for n in nodes[: self.depth] if n.node.metadata["paper_id"] in papers]
        texts = [papers[node.node.metadata["paper_id"]] for node in read]
        pairs = [(query_bundle.query_str, f"{p.title}\n{p.abstract}") for p in texts]
        judged = {id(n): s for n, s in zip(read, self._score(pairs) if pairs else [], strict=True)}
        for node in read:
            node.node.metadata.setdefault("signals", {})["cross-encoder"] = judged[id(node)]
        # Those that were not read keep half of what they had: below all that the model likes.
        scored = [
            NodeWithScore(node=n.node, score=(n.get_score() + judged.get(id(n), 0.0)) / 2)
            for n in nodes
        ]
        return sorted(scored, key=lambda n: (-n.get_score(), n.node.metadata["paper_id"]))


def load_cross_encoder(name: str) -> Score:
    """Load a reranking model, by its plugin's name, or its sentence-transformers name or folder.

    Raises:
        ConfigError: It cannot be loaded, or gives more than one score a pair.
        PluginError: The plugin of this name cannot be loaded.
    """
    try:
        if plugin := find(Group.RERANKERS, name):
            return plugin.load()()
        from sentence_transformers import CrossEncoder

        model = CrossEncoder(name)
        n_labels = model.num_labels
    except PluginError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ConfigError(
            f"reranker {name!r} cannot be loaded: {reason}; give `retrieval.reranker` a folder or "
            "the name of a cross-encoder"
        ) from error
    if n_labels != 1:
        raise ConfigError(
            f"reranker {name!r} gives {n_labels} scores a pair, it needs 1; "
            "give `retrieval.reranker` a cross-encoder made for ranking"
        )

    def score(pairs: list[tuple[str, str]]) -> list[float]:
        from torch.nn import Sigmoid

        found = model.predict(pairs, activation_fn=Sigmoid(), show_progress_bar=False)
        return [float(chance) for chance in np.asarray(found, float).reshape(-1)]

    return score
