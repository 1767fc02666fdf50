"""Fit the network that compares a question with sentences word by word, to questions with marks.

`python -m footnote.eval.train_interaction SHARED WORK` reads the indexes that `train_ranking` made
in WORK, and writes the weights to `rag/answering`, with a card beside them.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from footnote.eval import labels
from footnote.eval.train_ranking import Ranked, ranked_examples, tune_examples
from footnote.rag.answering.interaction import FILE, KINDS, SCALE
from footnote.rag.understanding.encoder import encode

# As many of the likeliest as are compared when a question is asked (`rag.answering.sentences`), and
# as many as it is fitted to.
N_COMPARED, N_FITTED = 6, 12
# Of widths 32, 64 and 128, 4 to 8 epochs, rates around 0.002 none was better by more than chance.
_WIDTH, _DROPPED, _EPOCHS, _BATCH, _RATE, _DECAY = 64, 0.3, 5, 8, 2e-3, 0.05
_FOLDS = 5
_ANSWERS = 2


class Interaction(nn.Module):
    """The network, in the names and shapes of `rag.answering.interaction`."""

    def __init__(self, states: int):
        super().__init__()
        self.project = nn.Linear(states, _WIDTH)
        self.kind = nn.Embedding(len(KINDS), _WIDTH)
        self.compare = nn.Linear(4 * _WIDTH, _WIDTH)
        self.join = nn.Linear(4 * _WIDTH, _WIDTH)
        self.out = nn.Linear(_WIDTH, 1)
        self.drop = nn.Dropout(_DROPPED)

    def forward(self, batch: "Batch") -> torch.Tensor:
        """Score each pair; float, (n_pairs,)."""
        asked = self.drop(self.project(batch.asked))
        said = self.drop(self.project(batch.said))
        alike = asked @ said.transpose(1, 2) * (4 / _WIDTH**0.5)
        beside = torch.softmax(alike.masked_fill(~batch.has_said[:, None], -1e9), 2) @ said
        back = alike.masked_fill(~batch.has_asked[:, :, None], -1e9).transpose(1, 2)
        found = [
            self._compared(asked, beside, batch.kinds, batch.has_asked),
            self._compared(said, torch.softmax(back, 2) @ asked, batch.kinds, batch.has_said),
        ]
        told = torch.cat([part for pair in found for part in pair], 1)
        return self.out(self.drop(torch.relu(self.join(told))))[:, 0]

    def _compared(
        self, own: torch.Tensor, other: torch.Tensor, kinds: torch.Tensor, is_word: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        kind = self.kind(kinds)[:, None].expand(-1, own.shape[1], -1)
        pairs = torch.cat([own, other, (own - other).abs(), kind], 2)
        found = self.drop(torch.relu(self.compare(pairs))).masked_fill(~is_word[..., None], 0)
        return found.max(1)[0], found.sum(1) / is_word.sum(1, keepdim=True)


class Batch(NamedTuple):
    """Pairs of a question and a sentence, padded to the longest."""

    asked: torch.Tensor
    has_asked: torch.Tensor
    said: torch.Tensor
    has_said: torch.Tensor
    kinds: torch.Tensor


def fit_interaction(shared: Path, work: Path) -> None:
    """Fit the network, writers held out for the figures and then to all, and write it."""
    torch.set_num_threads(1)
    # Zeros: the sentences come in the order of the linear weights alone.
    _write_weights(Interaction(_states("Nothing.").shape[1]), times=0)
    collections = {field: papers for field, papers in labels.collections(shared) if papers}
    examples = [*ranked_examples(work, collections), *tune_examples(work / "systems")]
    examples = [e for e in examples if e.kind in KINDS and (e.grades >= _ANSWERS).any()]
    writers = sorted({e.writer for e in examples})
    fold = {writer: at % _FOLDS for at, writer in enumerate(writers)}
    before: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    after: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for held in range(_FOLDS):
        network = fitted([e for e in examples if fold[e.writer] != held])
        for e in (e for e in examples if fold[e.writer] == held):
            before[e.kind].append(bool(e.grades[0] >= _ANSWERS))
            after[e.kind].append(bool(e.grades[best(network, e)] >= _ANSWERS))
        told = {kind: (round(np.mean(before[kind]), 3), round(np.mean(after[kind]), 3))
                for kind in KINDS if before[kind]}  # fmt: skip
        sys.stdout.write(f"fold {held}: {told}\n")
        sys.stdout.flush()
    network = fitted(examples)
    _write(network, examples, before, after)


def fitted(examples: Sequence[Ranked]) -> Interaction:
    """Fit the network to questions: the sentences that answer, against those beside them."""
    torch.manual_seed(0)
    network = Interaction(_states(examples[0].question).shape[1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps = _EPOCHS * -(-len(examples) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    rng = np.random.default_rng(0)
    for _ in range(_EPOCHS):
        network.train()
        order = rng.permutation(len(examples))
        for begin in range(0, len(order), _BATCH):
            chosen = [examples[at] for at in order[begin : begin + _BATCH]]
            loss = _loss(network, chosen)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def best(network: Interaction, example: Ranked) -> int:
    """Return the place of the sentence that the network and the linear weights like best."""
    with torch.inference_mode():
        scores = network(_batch([example])).numpy() + _logits(example)
    return int(scores[:N_COMPARED].argmax())


def _loss(network: Interaction, examples: Sequence[Ranked]) -> torch.Tensor:
    scores = network(_batch(examples))
    losses: list[torch.Tensor] = []
    begin = 0
    for e in examples:
        n = min(len(e.quotes), N_FITTED)
        own = scores[begin : begin + n] + torch.tensor(_logits(e), dtype=torch.float32)
        begin += n
        right = torch.tensor(e.grades[:n] >= _ANSWERS)
        if right.any():
            losses.append(-torch.logsumexp(torch.log_softmax(own, 0)[right], 0))
    return torch.stack(losses).sum() / len(examples) if losses else scores.sum() * 0


def _logits(example: Ranked) -> np.ndarray:
    scores = np.clip(example.scores[:N_FITTED], 1e-6, 1 - 1e-6)
    return np.log(scores / (1 - scores))


def _batch(examples: Sequence[Ranked]) -> Batch:
    pairs = [(e, quote) for e in examples for quote in e.quotes[:N_FITTED]]
    asked, has_asked = _padded([_states(e.question) for e, _ in pairs])
    said, has_said = _padded([_states(quote) for _, quote in pairs])
    kinds = torch.tensor([KINDS.index(e.kind) for e, _ in pairs])
    return Batch(asked, has_asked, said, has_said, kinds)


def _padded(rows: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    states = torch.zeros(len(rows), longest, rows[0].shape[1])
    is_word = torch.zeros(len(rows), longest, dtype=torch.bool)
    for at, row in enumerate(rows):
        states[at, : len(row)] = torch.from_numpy(row) * SCALE
        is_word[at, : len(row)] = True
    return states, is_word


_kept: dict[str, np.ndarray] = {}


def _states(text: str) -> np.ndarray:
    if text not in _kept:
        _kept[text] = encode(text).states
    return _kept[text]


def _write(
    network: Interaction,
    examples: Sequence[Ranked],
    before: dict[str, list[bool]],
    after: dict[str, list[bool]],
) -> None:
    _write_weights(network)
    card = {
        "questions": len(examples),
        "writers": len({e.writer for e in examples}),
        "figure": "the first sentence answers, writers held out: by the linear weights, by both",
        "value": {
            kind: [round(float(np.mean(before[kind])), 3), round(float(np.mean(after[kind])), 3)]
            for kind in KINDS
        },
        "date": datetime.now(UTC).date().isoformat(),
    }
    FILE.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{card}\n")


def _write_weights(network: Interaction, times: int = 1) -> None:
    state: dict[str, Any] = {
        name.removesuffix(".weight") if name.startswith("kind") else name: tensor * times
        for name, tensor in network.state_dict().items()
    }
    np.savez_compressed(FILE, **{n: t.numpy().astype(np.float16) for n, t in state.items()})


if __name__ == "__main__":
    fit_interaction(Path(sys.argv[1]), Path(sys.argv[2]))
