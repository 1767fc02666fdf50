"""Fitting what reads lines: it learns what lines show, and no writer is judged by what saw them."""

import pytest

from footnote.eval import labels, train_reader
from footnote.eval.train_reader import (
    CLASSES,
    Example,
    fit,
    fit_all,
    read,
    reader_examples,
    told_of_others,
)
from footnote.rag.core.request import Act, Kind, Operation

pytestmark = pytest.mark.slow
COUNT, TOPIC = CLASSES["kind"].index(Kind.CATALOGUE), CLASSES["label"].index("topic")
THINGS = ("tides", "dams", "caches", "bees", "rivers", "roofs")
LINES = [
    *(
        Example(
            f"how many papers on {thing}", f"writer {n % 3}", Kind.CATALOGUE, Operation.COUNT,
            (0, 0, 0, 0, TOPIC),
        )
        for n, thing in enumerate(THINGS)
    ),
    *(
        Example(
            f"why do {thing} rise", f"writer {n % 3}", Kind.EXPLANATION, labels=(0, 0, TOPIC, 0)
        )
        for n, thing in enumerate(THINGS)
    ),
    *(
        Example("and why?", f"writer {n % 3}", before=f"what are {thing}", act=Act.FOLLOW_UP)
        for n, thing in enumerate(THINGS)
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _longer(monkeypatch: pytest.MonkeyPatch) -> None:
    # Few lines are few steps.
    monkeypatch.setattr(train_reader, "_EPOCHS", 60)


def test_it_learns_kinds_operations_acts_and_labels():
    networks = fit_all(LINES, 2)
    count = read(networks, Example("how many papers on winds", ""))
    assert (count.kind, count.label.tolist()) == (COUNT, [0, 0, 0, 0, TOPIC])
    assert CLASSES["operation"][count.operation] == Operation.COUNT
    follows = read(networks, Example("and why?", "", before="what are winds"))
    assert CLASSES["act"][follows.act] == Act.FOLLOW_UP


def test_the_same_lines_give_the_same_network():
    first, second, other = (fit(LINES[:6], seed).state_dict() for seed in (0, 0, 1))
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


@pytest.mark.filterwarnings("ignore:A single label was found")
def test_the_card_is_of_writers_that_the_network_never_saw(monkeypatch: pytest.MonkeyPatch):
    seen: list[set[str]] = []
    fitted = train_reader.fit

    def watched(examples: list[Example], seed: int) -> train_reader.Network:
        seen.append({e.group for e in examples})
        return fitted(examples, seed)

    monkeypatch.setattr(train_reader, "fit", watched)
    card = told_of_others(LINES, 2)
    assert seen == [{"writer 1", "writer 2"}] * 2
    assert card["held out by"] == {"writer 0": 6}
    assert card["fitted to"] == len(LINES)
    kinds = card["kind"]
    assert isinstance(kinds, dict)
    assert (kinds["lines"], kinds["accuracy"]) == (4, 1.0)


def test_what_another_form_is_asked_of_tells_no_kind(monkeypatch: pytest.MonkeyPatch):
    lines = [line for line in labels.lines() if line.act in {Act.TABLE, Act.SHORTER}][:9]
    monkeypatch.setattr(labels, "lines", lambda: lines)
    monkeypatch.setattr(labels, "marks", lambda _: [])
    monkeypatch.setattr(labels, "talks", list)
    forms = reader_examples()
    assert len(forms) == 9
    assert all(e.kind is None and e.labels is None for e in forms)
