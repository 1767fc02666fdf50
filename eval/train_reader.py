"""Fit the networks that read lines to what people labelled, and write them with their cards.

`python -m footnote.eval.train_reader` does each twice: without a fifth of the writers, whose lines
the card tells of, and to all. `eval/labels.py` reads the labels.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import confusion_matrix, f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from footnote.eval import labels
from footnote.rag.core.minilm import N_LAYERS
from footnote.rag.core.request import Act, Kind, Operation
from footnote.rag.core.text import Span
from footnote.rag.understanding.encoder import encode
from footnote.rag.understanding.reader import COLLECTION, FOLDER, NO_LABEL, READER, shared_words
from footnote.rag.understanding.request import Spans

# See `docs/experiments.md` for what was tried.
_WIDTH = 96
_DROPOUT = 0.3
_EPOCHS = 15
_BATCH = 32
# So many batches are sorted by length together.
_SORTED = 16
_RATE, _DECAY = 2e-3, 0.01
# Rows of unit norm are too short for the first step of the network.
_SCALE = 8.0
# What a mistake costs: few words have a label, few lines an operation, fewer a line before them.
_COSTS = {"label": 2.0, "kind": 1.0, "operation": 0.3, "act": 0.9}
_FOLDS = 5
# By mean of their log odds; of what is asked of records three are not always of one mind.
_NETWORKS = {READER: 3, COLLECTION: 6}
_UNKNOWN = -100
# They wrote of little but records. A network that read their lines too reads others less well.
_OF_RECORDS = {f"lines-{n}" for n in (*range(41, 47), *range(51, 56), 72, 74, 77, *range(80, 110))}
# Each question of the other files is of one paper. With them 0.785 of 149 lines were read as they
# are labelled, without them 0.832.
_MARKS = "marks.jsonl"
CLASSES = {
    "label": (NO_LABEL, *Spans._fields),
    "kind": tuple(Kind),
    "operation": tuple(Operation),
    "act": tuple(Act),
}
# What such a line asks for is what the one before it asked for; a correction says itself what of.
_OF_THE_LAST = frozenset(Act) - {Act.NEW, Act.FOLLOW_UP, Act.CORRECTION, Act.THANKS}


class Line(NamedTuple):
    """The words of a line, as the network takes them."""

    states: Tensor
    mean: Tensor


@cache
def line_of(text: str) -> Line:
    """Encode a line; all of them fit into memory."""
    found = encode(text)
    scale = np.float32(_SCALE)
    return Line(torch.from_numpy(found.states * scale), torch.from_numpy(found.mean * scale))


@cache
def _shared(text: str, before: str) -> Tensor:
    return torch.from_numpy(shared_words(text, before))


class Example(NamedTuple):
    """A line, and what of it is known."""

    text: str
    group: str
    """Held out together: a writer."""
    kind: Kind | None = None
    operation: Operation | None = None
    labels: Sequence[int] | None = None
    """The class of each word."""
    before: str | None = None
    """The line before it."""
    act: Act | None = None
    """None where no line is before it."""


class Read(NamedTuple):
    """What a network gave for a line: the number of the class, by its name."""

    kind: int
    operation: int
    act: int
    label: np.ndarray


class Network(nn.Module):
    """As `rag.understanding.reader` computes it."""

    def __init__(self, width: int):
        super().__init__()
        pooled = 4 * _WIDTH + width
        self.inputs = nn.Linear(width, 2 * _WIDTH)
        self.gru = nn.GRU(2 * _WIDTH, _WIDTH, bidirectional=True, batch_first=True)
        self.attention = nn.Linear(2 * _WIDTH, 1)
        self.label = nn.Linear(2 * _WIDTH, len(CLASSES["label"]))
        self.kind = nn.Linear(pooled, len(CLASSES["kind"]))
        self.operation = nn.Linear(pooled, len(CLASSES["operation"]))
        self.act = nn.Linear(2 * pooled + width + 3, len(CLASSES["act"]))
        self.dropout = nn.Dropout(_DROPOUT)

    def pooled(self, lines: Sequence[Line]) -> tuple[Tensor, Tensor]:
        """Return the states of the words of each line, padded, and of the lines."""
        rows = pad_sequence([line.states for line in lines], batch_first=True)
        lengths = torch.tensor([len(line.states) for line in lines])
        inside = torch.arange(rows.shape[1])[None] < lengths[:, None]
        inputs = torch.relu(self.inputs(self.dropout(rows)))
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        states = self.dropout(pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0])
        attention = self.attention(states)[..., 0].masked_fill(~inside, -1e9).softmax(1)
        largest = states.masked_fill(~inside[..., None], -1e9).max(1).values
        means = self.dropout(torch.stack([line.mean for line in lines]))
        return states, torch.cat([(attention[..., None] * states).sum(1), largest, means], 1)

    def turns(self, examples: Sequence[Example], pooled: Tensor) -> Tensor:
        """Return what the act is told by, a row for each of these lines, which have one before."""
        earlier = [line_of(e.before or "") for e in examples]
        own = torch.stack([line_of(e.text).mean for e in examples])
        other = torch.stack([line.mean for line in earlier])
        return torch.cat(
            [
                pooled,
                self.pooled(earlier)[1][:, : -own.shape[1]],
                self.dropout(own * other / _SCALE),
                self.dropout((own - other).abs()),
                torch.stack([_shared(e.text, e.before or "") for e in examples]),
            ],
            1,
        )


def main() -> None:
    """Fit each with a group of writers held out, then to all, and write it."""
    examples = reader_examples()
    others = [e for e in examples if e.group not in _OF_RECORDS]
    for name, own in ((READER, others), (COLLECTION, examples)):
        card = told_of_others(own, _NETWORKS[name])
        write_reader(fit_all(own, _NETWORKS[name]), card, name)
        sys.stdout.write(f"{name}: {json.dumps(card, ensure_ascii=False)}\n")


def reader_examples() -> list[Example]:
    """Return all labelled lines, with what is known of each."""
    found = [_of_line(line) for line in labels.lines()]
    found += [
        Example(
            mark.question,
            mark.writer,
            mark.kind if mark.kind_known else None,
            labels=_labels(mark.question, {"topic": mark.topic or "", "sides": mark.sides})
            if mark.topic or mark.sides
            else None,
        )
        for mark in labels.marks(_MARKS)
        if mark.kind_known or mark.topic or mark.sides
    ]
    found += [
        Example(turn.text, f"talks-{talk.field}", before=before.text, act=turn.act)
        for talk in labels.talks()
        for before, turn in zip(talk.turns, talk.turns[1:], strict=False)
    ]
    return [e for e in found if len(encode(e.text).tokens)]


def _of_line(line: labels.LabelledLine) -> Example:
    of_last = line.act in _OF_THE_LAST
    # A survey that is taken for a question about the collection is a list.
    operation = Operation.LIST if line.kind is Kind.SURVEY else line.operation
    return Example(
        line.text,
        line.writer,
        None if of_last else line.kind,
        None if of_last else operation,
        None if of_last else _labels(line.text, line.spans),
        line.history[-1] if line.history else None,
        line.act if line.history else None,
    )


def fit_all(examples: Sequence[Example], n: int) -> list[Network]:
    """Fit so many networks, which read each line together."""
    return [fit(examples, seed) for seed in range(n)]


def fit(examples: Sequence[Example], seed: int = 0) -> Network:
    """Fit a network, always the same one to the same examples from the same seed."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    network = Network(len(line_of("word").mean))
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    order = np.random.default_rng(seed)
    n_steps = _EPOCHS * len(_batches(examples, order))
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / n_steps)
    network.train()
    for _ in range(_EPOCHS):
        for batch in _batches(examples, order):
            loss = _loss(network, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            falling.step()
    return network.eval()


def _batches(examples: Sequence[Example], order: np.random.Generator) -> list[list[Example]]:
    """Return all examples in new batches of lines of like length, which are read faster."""

    def length(example: Example) -> int:
        return len(line_of(example.text).states)

    shuffled = [examples[at] for at in order.permutation(len(examples))]
    batches: list[list[Example]] = []
    for first in range(0, len(shuffled), _BATCH * _SORTED):
        alike = sorted(shuffled[first : first + _BATCH * _SORTED], key=length)
        batches += [alike[at : at + _BATCH] for at in range(0, len(alike), _BATCH)]
    return [batches[at] for at in order.permutation(len(batches))]


def _loss(network: Network, batch: Sequence[Example]) -> Tensor:
    states, pooled = network.pooled([line_of(e.text) for e in batch])
    asked: list[tuple[str, Tensor, Tensor]] = [
        ("label", network.label(states).flatten(0, 1), _padded_labels(batch).flatten()),
        ("kind", network.kind(pooled), _classes("kind", [e.kind for e in batch])),
        (
            "operation",
            network.operation(pooled),
            _classes("operation", [e.operation for e in batch]),
        ),
    ]
    if turns := [at for at, e in enumerate(batch) if e.before]:
        rows = network.turns([batch[at] for at in turns], pooled[turns])
        asked.append(("act", network.act(rows), _classes("act", [batch[at].act for at in turns])))
    costs = [
        _COSTS[name] * cross_entropy(logits, right, ignore_index=_UNKNOWN)
        for name, logits, right in asked
        if (right != _UNKNOWN).any()
    ]
    return torch.stack(costs).sum()


def _classes(name: str, right: Sequence[str | None]) -> Tensor:
    return torch.tensor([_UNKNOWN if r is None else CLASSES[name].index(r) for r in right])


def _padded_labels(batch: Sequence[Example]) -> Tensor:
    rows = [torch.tensor(e.labels or [_UNKNOWN] * len(line_of(e.text).states)) for e in batch]
    return pad_sequence(rows, batch_first=True, padding_value=_UNKNOWN)


def _labels(text: str, spans: Mapping[str, str | Sequence[str]]) -> list[int]:
    """Return the class of each word of a line: what it names, 0 for nothing."""
    tokens = encode(text).tokens
    named: list[tuple[Span, int]] = []
    for label, parts in spans.items():
        for part in [parts] if isinstance(parts, str) else parts:
            at = text.find(part)
            if part and at >= 0:
                named.append((Span(at, at + len(part)), CLASSES["label"].index(label)))
    return [
        next((c for s, c in named if s.start <= t.span.start and t.span.end <= s.end), 0)
        for t in tokens
    ]


def told_of_others(examples: Sequence[Example], n: int) -> dict[str, object]:
    """Return what so many networks read of writers that they never saw, every fifth of them."""
    held_out = set(sorted({e.group for e in examples})[::_FOLDS])
    networks = fit_all([e for e in examples if e.group not in held_out], n)
    others = [e for e in examples if e.group in held_out]
    card = _card(others, [read(networks, e) for e in others])
    return {"fitted to": len(examples), "networks": len(networks), **card}


@torch.no_grad()
def read(networks: Sequence[Network], example: Example) -> Read:
    """Read one line, by what the networks give on average."""
    line = [line_of(example.text)]
    pooled = [(network, *network.pooled(line)) for network in networks]

    def likeliest(name: str, rows: Iterable[Tensor]) -> np.ndarray:
        odds = [getattr(n, name)(row) for n, row in zip(networks, rows, strict=True)]
        return torch.stack(odds).mean(0).argmax(-1).numpy()

    act = CLASSES["act"].index(Act.NEW)
    if example.before:
        act = int(likeliest("act", (n.turns([example], row) for n, _, row in pooled))[0])
    of_lines = [row for _, _, row in pooled]
    return Read(
        int(likeliest("kind", of_lines)[0]),
        int(likeliest("operation", of_lines)[0]),
        act,
        likeliest("label", [states for _, states, _ in pooled])[0],
    )


def write_reader(
    networks: Sequence[Network], card: Mapping[str, object], name: str = READER
) -> None:
    """Write the weights of networks side by side, at half precision, and their card."""
    FOLDER.mkdir(exist_ok=True)
    each = [_weights(network) for network in networks]
    stacked: dict[str, Any] = {part: np.stack([w[part] for w in each]) for part in each[0]}
    np.savez_compressed(FOLDER / f"{name}.npz", **stacked)
    text = json.dumps({"card": card, "classes": CLASSES}, ensure_ascii=False, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _weights(network: Network) -> dict[str, np.ndarray]:
    """Return what a network has learned; float16."""
    weights = {part: value.numpy().copy() for part, value in network.state_dict().items()}
    # What reads it gives rows of unit norm.
    width = weights["inputs.weight"].shape[1]
    weights["inputs.weight"] *= _SCALE
    for head in ("kind", "operation"):
        weights[f"{head}.weight"][:, -width:] *= _SCALE
    own = weights["act.weight"]
    own[:, 4 * _WIDTH : 4 * _WIDTH + width] *= _SCALE
    own[:, -2 * width - 3 : -3] *= _SCALE
    return {part: value.astype(np.float16) for part, value in weights.items()}


def _card(examples: Sequence[Example], found: Sequence[Read]) -> dict[str, object]:
    return {
        "lines": len(examples),
        "held out by": dict(Counter(e.group for e in examples)),
        "layers": N_LAYERS,
        **{
            name: _told(
                name,
                [
                    (CLASSES[name].index(right), getattr(r, name))
                    for e, r in zip(examples, found, strict=True)
                    if (right := getattr(e, name)) is not None
                ],
            )
            for name in ("kind", "operation", "act")
        },
        "spans": _spans_told(examples, found),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _told(name: str, pairs: Sequence[tuple[int, int]]) -> dict[str, object]:
    right, told = np.array(pairs).T
    there = [at for at in range(len(CLASSES[name])) if at in right]
    table = confusion_matrix(right, told, labels=there).tolist()
    classes = [CLASSES[name][at] for at in there]
    return {
        "lines": len(pairs),
        "accuracy": round(float((right == told).mean()), 3),
        "macro F1": round(float(f1_score(right, told, average="macro")), 3),
        "confusion (rows: labelled)": {
            c: dict(zip(classes, row, strict=True)) for c, row in zip(classes, table, strict=True)
        },
    }


def _spans_told(examples: Sequence[Example], found: Sequence[Read]) -> dict[str, object]:
    """Count the spans that are found from their first word to their last."""
    right: Counter[str] = Counter()
    told: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for example, was in zip(examples, found, strict=True):
        if example.labels is None:
            continue
        labelled, given = set(_runs(example.labels)), set(_runs(was.label.tolist()))
        for spans, counts in ((labelled, right), (given, told), (labelled & given, both)):
            counts.update(CLASSES["label"][label] for _, _, label in spans)
    return {
        label: {
            "labelled": right[label],
            "found": told[label],
            "F1": round(2 * both[label] / (right[label] + told[label]), 3),
        }
        for label in CLASSES["label"]
        if right[label]
    }


def _runs(classes: Sequence[int]) -> Iterable[tuple[int, int, int]]:
    """Yield the first word, the number of words and the label of each span."""
    at = 0
    for label, run in groupby(classes):
        n = len(list(run))
        if label > 0:
            yield at, n, label
        at += n


if __name__ == "__main__":
    main()
