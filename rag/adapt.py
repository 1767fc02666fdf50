"""Adapt the embedder to the papers of an index, with nothing but the papers: `footnote adapt`.

What `rag.cloze` trains is asked for sentences that it never saw, beside the embedder as it comes
and through the same retrieval; it goes into the index only if it finds more of their papers.
"""

import random
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from rag.build import open_assistant, open_index
from rag.cloze import train
from rag.config import Config, Store
from rag.embed import load_embedder, local_model
from rag.errors import AdaptationError
from rag.index import Progress
from rag.schema import Paper, Record
from rag.text import Span, words

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MIN_PAPERS = 100
"""Fewer leave too little to learn from, and too few held-out sentences to tell if it helped."""
_SIGNIFICANT = 0.05
# The trial takes one sentence a paper; of more papers than these, a random choice.
_MAX_TRIED = 500
_MIN_WORDS = 6
_DEPTH = 10


class Trial(Record):
    """How an adapted embedder did on sentences that it never saw, beside the one it came from."""

    n_sentences: int
    plain: float
    """Mean reciprocal rank of the paper that a sentence is from, with the embedder as it comes."""
    adapted: float
    """The same with the adapted one."""
    p: float
    """How likely chance gives as large a difference."""

    @property
    def is_won(self) -> bool:
        """Whether the adapted one found more, and not by chance."""
        return self.adapted > self.plain and self.p < _SIGNIFICANT


class HeldOut(NamedTuple):
    """A sentence kept from training, and the paper it was taken out of."""

    sentence: str
    paper_id: str


def adapt(config: Config, on_progress: Progress) -> Trial:
    """Adapt the embedder to the papers of the index, and take it in if it wins the trial.

    It begins from the embedder as it comes, also where one was adapted before. Until the index is
    switched to it, in one transaction, it answers as before.

    Args:
        config: Settings; their retrieval is what the trial goes through.
        on_progress: Told how many steps, papers and sentences are done.

    Raises:
        AdaptationError: There are too few papers, or the embedder is none that can be trained.
        IndexMissingError: There is no index, or it is empty.
        IndexMismatchError: It was built with other settings.
        IndexBusyError: Another process is writing it.
    """
    index = open_index(config)
    index.check_card()
    with index.holding(), TemporaryDirectory(prefix="footnote-adapt-") as scratch:
        papers, held_out = hold_out(index.catalogue.papers())
        weights = Path(scratch) / "embedder"
        model = _trainable(config)
        train(model, papers, weights, lambda n, total: on_progress("training", n, total))
        trial = judge(config, papers, held_out, weights, Path(scratch), on_progress)
        if trial.is_won:
            index.rebuild_with(weights, on_progress)
    return trial


def undo(config: Config, on_progress: Progress) -> bool:
    """Go back to the embedder as it comes.

    Returns:
        False when the index has no other, and nothing was done.

    Raises:
        IndexMissingError: There is no index, or it is empty.
        IndexMismatchError: It was built with other settings.
        IndexBusyError: Another process is writing it.
    """
    index = open_index(config)
    index.check_card()
    if index.generation().card.adapted is None:
        return False
    with index.holding():
        index.rebuild_with(None, on_progress)
    return True


def hold_out(papers: Sequence[Paper], seed: int = 0) -> tuple[list[Paper], list[HeldOut]]:
    """Take one sentence out of each abstract that has four or more.

    Raises:
        AdaptationError: There are fewer than `MIN_PAPERS` such papers.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    left: list[Paper] = []
    held_out: list[HeldOut] = []
    for paper in papers:
        long = [n for n, s in enumerate(paper.sentences) if _is_telling(paper.quote(s))]
        if len(long) >= 4:
            number = draw.choice(long)
            held_out.append(HeldOut(paper.quote(paper.sentences[number]), paper.paper_id))
            left.append(_without(paper, number))
    if len(left) < MIN_PAPERS:
        raise AdaptationError(
            f"{len(left):,} papers with abstracts of four sentences or more, at least {MIN_PAPERS} "
            "are needed to adapt the embedder; take in more with `footnote ingest PATH`"
        )
    return left, held_out


def judge(
    config: Config,
    papers: Sequence[Paper],
    held_out: Sequence[HeldOut],
    weights: Path,
    folder: Path,
    on_progress: Progress,
) -> Trial:
    """Ask both embedders for held-out sentences, through the retrieval of the settings.

    Args:
        config: Settings.
        papers: Without the sentences that are held out.
        held_out: One sentence a paper.
        weights: Of the adapted embedder.
        folder: Where indexes are made for this.
        on_progress: Told how many papers are indexed and sentences asked for.
    """
    asked = random.Random(0).sample(held_out, min(len(held_out), _MAX_TRIED))  # noqa: S311
    among = {one.paper_id for one in asked}
    papers = [paper for paper in papers if paper.paper_id in among]
    plain, adapted = (
        _reciprocal_ranks(apart, papers, asked, own_weights, name, on_progress)
        for name, own_weights in (("plain", None), ("adapted", weights))
        for apart in [config.model_copy(update={"index": folder / name, "store": Store()})]
    )
    return Trial(
        n_sentences=len(asked),
        plain=float(plain.mean()),
        adapted=float(adapted.mean()),
        p=_chance(adapted - plain),
    )


def _reciprocal_ranks(
    config: Config,
    papers: Sequence[Paper],
    asked: Sequence[HeldOut],
    weights: Path | None,
    name: str,
    on_progress: Progress,
) -> np.ndarray:
    index = open_index(config, create=True)
    index.catalogue.save(((paper, ()) for paper in papers), {})
    with index.holding():
        index.rebuild_with(weights, _named(f"indexing ({name})", on_progress))
    assistant = open_assistant(config, writes=False)
    ranks = np.zeros(len(asked))
    for number, (sentence, paper_id) in enumerate(asked):
        question = sentence[: config.answering.max_question_chars]
        found = [hit.paper.paper_id for hit in assistant.search(question, _DEPTH)]
        if paper_id in found:
            ranks[number] = 1 / (found.index(paper_id) + 1)
        on_progress(f"asking ({name})", number + 1, len(asked))
    return ranks


def _named(name: str, on_progress: Progress) -> Progress:
    def note(phase: str, done: int, total: int | None) -> None:
        on_progress(name, done, total)

    return note


def _trainable(config: Config) -> "SentenceTransformer":
    embedder = config.embedder
    loaded = load_embedder(
        embedder.name, max_tokens=embedder.max_tokens, dtype="float32", arguments=embedder.arguments
    )
    model = local_model(loaded)
    if model is None:
        raise AdaptationError(
            f"embedder {embedder.name!r} is none of sentence-transformers', which alone can be "
            "adapted; set `embedder.name` to `bundled` or a sentence-transformers model"
        )
    return model


def _without(paper: Paper, number: int) -> Paper:
    """A paper whose abstract lacks its n-th sentence."""
    kept = [paper.quote(span) for n, span in enumerate(paper.sentences) if n != number]
    ends = list(accumulate(len(text) + 1 for text in kept))
    spans = tuple(Span(end - len(text) - 1, end - 1) for text, end in zip(kept, ends, strict=True))
    return paper.model_copy(update={"abstract": " ".join(kept), "sentences": spans})


def _is_telling(sentence: str) -> bool:
    return len(words(sentence)) >= _MIN_WORDS


def _chance(differences: np.ndarray) -> float:
    """Two-sided p of Fisher's randomisation test; 1 when nothing differs."""
    if not differences.any():
        return 1.0
    test = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", rng=np.random.default_rng(0)
    )
    return float(test.pvalue)
