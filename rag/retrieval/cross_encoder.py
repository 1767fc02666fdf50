"""Rerank the best papers by a cross-encoder: slower, and better for those who have one."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from footnote.rag.core.errors import ConfigError, PluginError
from footnote.rag.core.plugins import Group, find
from footnote.rag.core.records import Paper
from footnote.rag.core.stages import stage
from footnote.rag.index.query import Query
from footnote.rag.retrieval.found import Found, best_first

Score = Callable[[list[tuple[str, str]]], list[float]]
"""Chances in [0, 1] that texts answer questions, in order."""


class CrossEncoded:
    """Reads the question with the title and abstract of each of the best papers.

    The new score is the mean of the model's and the one before, so that what reads words alone is
    not overruled by what may not know a name. The papers after the best stay behind them.
    """

    def __init__(
        self,
        score: Score,
        papers: Callable[[Iterable[str]], Mapping[str, Paper]],
        *,
        depth: int,
    ):
        """Read by a model.

        Args:
            score: Asks the model.
            papers: Gives papers by their ids; those that are there.
            depth: How many are read.
        """
        self._score = score
        self._papers = papers
        self._depth = depth

    @stage("cross-encoder")
    def rerank(self, found: Sequence[Found], query: Query) -> list[Found]:
        """Give papers new scores; best first."""
        papers = self._papers(each.paper_id for each in found[: self._depth])
        read = [papers[each.paper_id] for each in found if each.paper_id in papers]
        pairs = [(query.text, f"{paper.title}\n{paper.abstract}") for paper in read]
        scores = self._score(pairs) if pairs else []
        judged = {paper.paper_id: score for paper, score in zip(read, scores, strict=True)}
        return best_first(_halved(each, judged.get(each.paper_id)) for each in found)


def _halved(each: Found, judged: float | None) -> Found:
    """Return a paper with its new score; one that was not read lies below all that is liked."""
    signals = {} if judged is None else {"cross-encoder": judged}
    return each.scored((each.score + (judged or 0.0)) / 2, **signals)


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
