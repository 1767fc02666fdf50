"""Train a sentence-transformers model on papers, with nothing but the papers.

Sentences are taken out of each abstract and asked for the rest of it, among the papers of a batch
(the inverse cloze task; Lee et al., 2019), by vectors and by late interaction, as questions are.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rag.embed import computes_in_bfloat16
from rag.schema import Paper
from rag.text import words

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

# The recipe; what else was tried is in docs/experiments.md. The steps are bounded so that it takes
# minutes however many papers there are.
_EPOCHS, _MAX_STEPS, _BATCH = 3, 60, 32
_RATE = 2e-5
# Sentences asked for, and sentences of a passage; what share of the titles is asked for.
_QUESTIONS, _PASSAGE, _TITLES = 2, 3, 0.5
# Share of the words that the passage says too which are struck from a question.
_STRUCK = 0.6
# As the bundled model was trained.
_SHARPNESS = 20.0
# Share of what the weights were before.
_KEPT = 0.5
# As retrieval weights a word that is everywhere.
_LEAST_WEIGHT = 0.3
# A question of fewer words asks for nothing.
_LEAST_WORDS = 3


def train(
    model: "SentenceTransformer",
    papers: Sequence[Paper],
    folder: Path,
    on_progress: Callable[[int, int], None],
) -> None:
    """Train a model on papers and save it; the model itself is changed too.

    Args:
        model: In single precision.
        papers: At least a batch of them.
        folder: Where the weights go, in half precision.
        on_progress: Called with the number of steps done and of all.
    """
    import torch

    draw = random.Random(0)  # noqa: S311 - no secret
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    # Not the embedding layer: most words are not in these papers, and all share its space.
    for name, weight in model.named_parameters():
        weight.requires_grad_("embeddings" not in name)
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    model.eval()  # without dropout
    optimizer = torch.optim.AdamW(learning, lr=_RATE)
    rarity = _rarity(model, papers)
    n_steps = min(_MAX_STEPS, _EPOCHS * (len(papers) // _BATCH))
    for step, batch in zip(range(n_steps), _batches(papers, draw), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, 10 * (step + 1) / n_steps, (n_steps - step) / n_steps)
        optimizer.zero_grad()
        _loss(model, batch, rarity).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        on_progress(step + 1, n_steps)
    with torch.no_grad():
        # Midway keeps what it knew beside what it learned (WiSE-FT; Wortsman et al., 2022).
        for name, weight in model.state_dict().items():
            if weight.is_floating_point():
                weight.lerp_(before[name], _KEPT)
    model.half().save(str(folder), create_model_card=False)


class _Batch(NamedTuple):
    """Questions and the passages they are about; a passage may have several, or none."""

    questions: list[str]
    about: list[int]
    """Number of the passage that each question was taken out of."""
    passages: list[str]


def _batches(papers: Sequence[Paper], draw: random.Random) -> Iterator[_Batch]:
    """Without end, all papers in a new order each time."""
    while True:
        order = draw.sample(papers, len(papers))
        for first in range(0, len(order) - _BATCH + 1, _BATCH):
            batch = _Batch([], [], [])
            for paper in order[first : first + _BATCH]:
                questions, passage = _cloze(paper, draw)
                batch.questions.extend(questions)
                batch.about.extend([len(batch.passages)] * len(questions))
                batch.passages.append(passage)
            yield batch


def _cloze(paper: Paper, draw: random.Random) -> tuple[list[str], str]:
    """A few sentences, and the sentences that follow each other in the rest of the abstract.

    The title is asked for as well, or stands over the passage, as it does in the index. Words that
    both have are struck from the questions at random: what is asked in other words has
    to be learned, what is asked in the same words is found anyway.
    """
    sentences = [paper.quote(span) for span in paper.sentences]
    taken = draw.sample(range(len(sentences)), min(_QUESTIONS, len(sentences) - 1))
    rest = [text for n, text in enumerate(sentences) if n not in taken]
    first = draw.randrange(max(1, len(rest) - _PASSAGE + 1))
    passage = " ".join(rest[first : first + _PASSAGE])
    asked = [sentences[n] for n in taken]
    if draw.random() < _TITLES:
        asked.append(paper.title)
    else:
        passage = f"{paper.title}\n{passage}"
    known = set(words(passage))
    return [_struck(text, known, draw) for text in asked], passage


def _struck(text: str, known: set[str], draw: random.Random) -> str:
    left = [
        word for word in text.split() if known.isdisjoint(words(word)) or draw.random() >= _STRUCK
    ]
    return " ".join(left) if len(left) >= _LEAST_WORDS else text


def _loss(model: "SentenceTransformer", batch: _Batch, rarity: "Tensor") -> "Tensor":
    """Cross entropy of each question's passage among those of the batch, by both kinds of score."""
    import torch
    from torch.nn.functional import cross_entropy

    asked, found = _read(model, batch.questions), _read(model, batch.passages)
    weights = rarity[asked.ids] * asked.is_text
    weights = weights / weights.sum(dim=1, keepdim=True)
    by_pieces = [
        ((asked.pieces @ pieces[is_text].T).amax(dim=2) * weights).sum(dim=1)
        for pieces, is_text in zip(found.pieces, found.is_text, strict=True)
    ]
    by_vectors = asked.vectors @ found.vectors.T
    about = torch.tensor(batch.about, device=by_vectors.device)
    late = torch.stack(by_pieces, dim=1)
    return cross_entropy(_SHARPNESS * by_vectors, about) + cross_entropy(_SHARPNESS * late, about)


class _Reading(NamedTuple):
    vectors: "Tensor"
    """(texts, dimension), unit norm."""
    pieces: "Tensor"
    """(texts, longest, dimension), unit norm."""
    ids: "Tensor"
    """int, (texts, longest)."""
    is_text: "Tensor"
    """bool, (texts, longest): false for padding and the model's own marks."""


def _read(model: "SentenceTransformer", texts: Sequence[str]) -> _Reading:
    import torch
    from torch.nn.functional import normalize

    encoded = model.tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        max_length=model.max_seq_length,
        return_tensors="pt",
        return_special_tokens_mask=True,
    ).to(model.device)
    is_text = ~encoded.pop("special_tokens_mask").bool()
    short = model.device.type == "cpu" and computes_in_bfloat16()
    with torch.autocast(model.device.type, torch.bfloat16, enabled=short):
        out = model(dict(encoded))
    vectors = normalize(out["sentence_embedding"].float(), dim=-1)
    pieces = normalize(out["token_embeddings"].float(), dim=-1)
    return _Reading(vectors, pieces, encoded["input_ids"], is_text)


def _rarity(model: "SentenceTransformer", papers: Sequence[Paper]) -> "Tensor":
    """How much each word piece of the model counts: idf over the papers; float32, (vocabulary,)."""
    import torch

    n_papers_with: Counter[int] = Counter()
    for paper in papers:
        n_papers_with.update(set(model.tokenizer(f"{paper.title} {paper.abstract}")["input_ids"]))
    counts = torch.zeros(len(model.tokenizer), device=model.device)
    counts[list(n_papers_with)] = torch.tensor(
        [float(n) for n in n_papers_with.values()], device=model.device
    )
    return torch.log1p((len(papers) - counts + 0.5) / (counts + 0.5)) + _LEAST_WEIGHT
