"""Fit the network that compares a question with sentences word by word, to questions with marks.

`python -m footnote.eval.train_interaction SHARED WORK` reads the indexes that `train_ranking` made
in WORK, and writes the weights to `rag/answering`, with a card beside them. What tells if the
papers answer is fitted after it, to what it says of questions of writers that it had not seen.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn.functional import softplus

from footnote.eval import labels
from footnote.eval.train_ranking import (
    Asked,
    Judged,
    Ranked,
    asked_examples,
    fit_confidence,
    write_weights,
)
from footnote.rag.answering.answerability import features, set_by_hand
from footnote.rag.answering.interaction import FILE, KINDS, SCALE, any_answers
from footnote.rag.understanding.encoder import encode

# As many of the likeliest as are compared when a question is asked (`rag.answering.sentences`).
N_COMPARED = 6
# Of widths 32, 64 and 128, 4 to 8 epochs, rates around 0.002 none was better by more than chance.
_WIDTH, _DROPPED, _EPOCHS, _BATCH, _RATE, _DECAY = 64, 0.3, 5, 8, 2e-3, 0.05
_FOLDS = 5
_TWINS = "marks-twins.jsonl"
_ANSWERS = 2
# What it costs to say of a sentence beside the one that answers that it does.
_BESIDE = 0.5


class Interaction(nn.Module):
    """The network, in the names and shapes of `rag.answering.interaction`."""

    def __init__(self, states: int):
        super().__init__()
        self.project = nn.Linear(states, _WIDTH)
        self.kind = nn.Embedding(len(KINDS), _WIDTH)
        self.compare = nn.Linear(4 * _WIDTH, _WIDTH)
        self.join = nn.Linear(4 * _WIDTH, _WIDTH)
        self.out = nn.Linear(_WIDTH, 2)
        self.drop = nn.Dropout(_DROPPED)

    def forward(self, batch: "Batch") -> torch.Tensor:
        """Score each pair, beside others and alone; float, (n_pairs, 2)."""
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
        return self.out(self.drop(torch.relu(self.join(told))))

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
    """Fit the network, writers held out for the figures and then to all, and write both fits."""
    torch.set_num_threads(1)
    # Zeros: the sentences come in the order of the linear weights alone.
    _write_weights(Interaction(_states("Nothing.").shape[1]), times=0)
    collections = {field: papers for field, papers in labels.collections(shared) if papers}
    asked = list(asked_examples(work, collections))
    examples = [each.ranked for each in asked if is_compared(each.ranked)]
    told = [each for fold in range(_FOLDS) for each in held_out(examples, fold)]
    _write(fitted(examples), examples, told)
    answered = {each.example.id: each.answered for each in told}
    confidence = fit_confidence(list(judged(asked, answered)))
    write_weights({"confidence": confidence})
    sys.stdout.write(f"confidence: {confidence['card']}\n")


def judged(asked: Sequence[Asked], answered: Mapping[str, float]) -> Iterator[Judged]:
    """Yield the questions that tell if the papers answer, with what is known of each.

    Two kinds are left out. Of a hundred papers written side by side each is near another, so that
    how near one comes tells little there. And of questions written in pairs about one paper each
    is as near as its twin: fitted to them the other signals lose their weight.

    Args:
        asked: All questions.
        answered: What a network that never saw the writer says, by id; 0 where it was not asked.
    """
    twins = {mark.id for mark in labels.marks(_TWINS)}
    for field, ranked, signals in asked:
        if signals and field not in labels.bundled() and ranked.id not in twins:
            signals = signals._replace(answered=answered.get(ranked.id, 0.0))
            yield Judged(
                ranked.writer, features(signals), set_by_hand(signals), ranked.is_answerable
            )


class Told(NamedTuple):
    """What a network that never saw its writer says of a question."""

    example: Ranked
    best: int
    """The place of the sentence that it and the linear weights like best."""
    answered: float
    """Log odds that any answers."""


def is_compared(example: Ranked) -> bool:
    """Return True if a question is of a kind, and has sentences, to be compared word by word."""
    return example.kind in KINDS and bool(example.quotes)


def held_out(examples: Sequence[Ranked], fold: int) -> Iterator[Told]:
    """Fit the network to the writers of all other folds, and ask it the questions of this one."""
    held = set(sorted({e.writer for e in examples})[fold::_FOLDS])
    network = fitted([e for e in examples if e.writer not in held])
    for e in (e for e in examples if e.writer in held):
        scores = _scores(network, e)
        yield Told(e, _best(scores, e), any_answers(scores[:, 1]))


def fitted(examples: Sequence[Ranked]) -> Interaction:
    """Fit the network to questions: the sentences that answer, against those beside them."""
    torch.manual_seed(0)
    network = Interaction(_states(examples[0].question).shape[1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps = _EPOCHS * -(-len(examples) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    # Questions that the papers answer and others weigh alike.
    n_answered = sum(e.is_answerable for e in examples)
    weight = (len(examples) - n_answered) / max(n_answered, 1)
    rng = np.random.default_rng(0)
    for _ in range(_EPOCHS):
        network.train()
        order = rng.permutation(len(examples))
        for begin in range(0, len(order), _BATCH):
            chosen = [examples[at] for at in order[begin : begin + _BATCH]]
            loss = _loss(network, chosen, weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def best(network: Interaction, example: Ranked) -> int:
    """Return the place of the sentence that the network and the linear weights like best."""
    return _best(_scores(network, example), example)


def _scores(network: Interaction, example: Ranked) -> np.ndarray:
    with torch.inference_mode():
        return network(_batch([example])).numpy()


def _best(scores: np.ndarray, example: Ranked) -> int:
    return int((scores[:, 0] + _logits(example)).argmax())


def _loss(network: Interaction, examples: Sequence[Ranked], weight: float) -> torch.Tensor:
    """Return what a network is wrong by, of each question in the mean.

    A sentence that answers is to be ahead of those beside it; where one of them answers, that is to
    be said, and of those that do not belong not; where none does, of none.

    Args:
        network: It.
        examples: The questions.
        weight: Of those that the papers answer.
    """
    scores = network(_batch(examples))
    loss = scores.sum() * 0
    begin = 0
    for e in examples:
        n = len(e.quotes[:N_COMPARED])
        beside, answers = scores[begin : begin + n].T
        begin += n
        right, wrong = (
            torch.tensor(is_so) for is_so in (e.grades[:n] >= _ANSWERS, e.grades[:n] == 0)
        )
        if not e.is_answerable:
            loss = loss + softplus(torch.logsumexp(answers, 0))
        elif right.any():
            own = beside + torch.tensor(_logits(e), dtype=torch.float32)
            loss = loss - torch.logsumexp(torch.log_softmax(own, 0)[right], 0)
            loss = loss + weight * softplus(-torch.logsumexp(answers[right], 0))
            if wrong.any():
                loss = loss + weight * _BESIDE * softplus(answers[wrong]).mean()
    return loss / len(examples)


def _logits(example: Ranked) -> np.ndarray:
    scores = np.clip(example.scores[:N_COMPARED], 1e-6, 1 - 1e-6)
    return np.log(scores / (1 - scores))


def _batch(examples: Sequence[Ranked]) -> Batch:
    pairs = [(e, quote) for e in examples for quote in e.quotes[:N_COMPARED]]
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


def _write(network: Interaction, examples: Sequence[Ranked], told: Sequence[Told]) -> None:
    _write_weights(network)
    marked = [each for each in told if (each.example.grades >= _ANSWERS).any()]
    pairs: dict[str, list[tuple[bool, bool]]] = {kind: [] for kind in KINDS}
    for each in marked:
        right = each.example.grades >= _ANSWERS
        pairs[each.example.kind].append((bool(right[0]), bool(right[each.best])))
    is_answerable = [each.example.is_answerable for each in told]
    card = {
        "questions": len(examples),
        "unanswerable": len(told) - sum(is_answerable),
        "writers": len({e.writer for e in examples}),
        "figure": "the first sentence answers, writers held out: by the linear weights, by both",
        "value": {kind: np.mean(found, 0).round(3).tolist() for kind, found in pairs.items()},
        "told apart, answerable or not (AUROC)": round(
            float(roc_auc_score(is_answerable, [each.answered for each in told])), 3
        ),
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
