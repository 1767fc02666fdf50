"""Papers put in order by stand-ins for a model: one that knows, and ones that fail in every way."""

import re
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Hit
from footnote.rag.llm.port import End, Message, Put
from footnote.rag.llm.prompts import estimate_tokens
from footnote.rag.retrieval.listwise import Listwise, Ordering, read_order
from tests.made import Says, paper

N = 40
HITS = [
    Hit(paper=each, score=round(0.9 - n / 100, 2), passage=each.sentences[0])
    for n in range(N)
    if (each := paper(f"Paper {n}", f"It says of caches number {n}. It is long."))
]
NO_ORDER = "gave no order of them"


def listwise(depth: int = N, timeout_s: float = 5) -> Listwise:
    return Listwise(lambda hit: hit.paper.abstract, depth=depth, timeout_s=timeout_s)


def ordered(model: Says, hits: Sequence[Hit], depth: int = N, timeout_s: float = 5) -> Ordering:
    ordering = listwise(depth, timeout_s).order(model, "Which caches?", hits)
    list(ordering)
    return ordering


def numbers(hits: Sequence[Hit]) -> list[int]:
    return [int(hit.paper.title.split()[1]) for hit in hits]


def fused(order: Sequence[int]) -> list[int]:
    """The order of a model, and that of the numbers, by reciprocal rank, one to three."""
    scores = {n: 1 / (n + 2) + 3 / (rank + 2) for rank, n in enumerate(order)}
    return sorted(scores, key=lambda n: (-scores[n], n))


REVERSED = list(reversed(range(N)))


class Knows(Says):
    """Puts papers in order by the numbers in their titles, the largest first."""

    def __init__(self, *, window: int = 100_000, failing: int = 0):
        super().__init__(window=window)
        self.asked: list[str] = []
        self._failing = failing

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        self.asked.append(messages[-1].content)
        if len(self.asked) == self._failing:
            put(GenerationError("failed (500)"))
            return lambda: None
        titles = re.findall(r'number="(\d+)" title="Paper (\d+)"', messages[-1].content)
        best = sorted(titles, key=lambda pair: -int(pair[1]))
        put(" > ".join(f"[{number}]" for number, _ in best))
        put(End(complete=True))
        return lambda: None


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("[3] > [1] > [2]", [2, 0, 1]),
        ("Here it is: [3], [ 1 ] and [2].", [2, 0, 1]),
        ("[2]\n[1]", [1, 0]),
        ("2 > 1 > 3", [1, 0, 2]),
        ("2, 3", [1, 2]),
        ("2, 3.", [1, 2]),
        ("[2] > [2] > [1] > [2]", [1, 0]),
        ("[9] > [0] > [2] > [999]", [1]),
        ("<think>[1] is best? No.</think>[3] > [2]", [2, 1]),
        ("<think>[1] is best? No", []),
        ("I cannot rank 3 papers from 2024.", []),
        ("I'm sorry, but I can't help with that.", []),
        ("", []),
        ("[] > [x] > [-1]", []),
        ("9" * 5_000, []),
        ("[" * 5_000, []),
    ],
)
def test_an_order_is_read(text: str, places: list[int]):
    assert read_order(text, 3) == places


@pytest.mark.parametrize(
    ("text", "places"),
    [("[3] > [1] > [2", [2, 0]), ("3 > 1 > 2", [2, 0]), ("3", [])],
    ids=["brackets", "numbers", "one-number"],
)
def test_the_number_in_which_an_order_was_cut_off_does_not_count(text: str, places: list[int]):
    assert read_order(text, 25, is_whole=False) == places


def test_papers_are_put_in_order_and_the_n_th_keeps_the_n_th_score():
    ordering = ordered(Says("[3] > [1]"), HITS[:5], depth=4)
    assert numbers(ordering.hits) == [2, 0, 1, 3, 4]
    assert [hit.score for hit in ordering.hits] == [hit.score for hit in HITS[:5]]
    assert ordering.fault is None


def test_all_that_fit_are_ordered_in_one_call():
    model = Knows()
    ordering = ordered(model, HITS)
    assert numbers(ordering.hits) == fused(REVERSED)
    assert numbers(ordering.hits)[:6] == [39, 38, 37, 36, 0, 35]
    assert len(model.asked) == 1


def test_where_not_all_fit_the_best_move_up_window_by_window():
    model = Knows(window=1_500)
    ordering = ordered(model, HITS)
    assert len(model.asked) > 2
    assert all(estimate_tokens(prompt) <= 1_500 for prompt in model.asked)
    assert numbers(ordering.hits)[:3] == REVERSED[:3]
    assert sorted(numbers(ordering.hits)) == list(range(N))


def test_windows_are_of_twenty_in_steps_of_ten():
    long = [
        hit.model_copy(update={"paper": paper(hit.paper.title, "It is long. " * 60)})
        for hit in HITS
    ]
    model = Knows(window=9_000)
    ordered(model, long)
    assert [prompt.count("<paper ") for prompt in model.asked] == [20, 20, 20]


def test_a_window_that_fails_leaves_what_is_in_order_by_then():
    ordering = ordered(Knows(window=1_500, failing=2), HITS)
    assert ordering.fault == "failed (500)"
    found = numbers(ordering.hits)
    assert sorted(found) == list(range(N))
    assert found != list(range(N))
    assert found[:5] == list(range(5))


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (Says("I cannot."), NO_ORDER),
        (Says("[99] > [0]"), NO_ORDER),
        (Says("\n"), NO_ORDER),
        (Says(), "gave an empty answer"),
        (Says(ending=GenerationError("failed (500)")), "failed (500)"),
        (Says("[3] > [1]", ending=GenerationError("was cut off")), "was cut off"),
        (Says("[1]", window=300), "has no room for them; raise `llm.context_window`"),
    ],
    ids=["words", "no-such-numbers", "blank", "empty", "failing", "cut-off", "no-room"],
)
def test_what_gives_no_order_leaves_papers_as_they_were(model: Says, fault: str):
    ordering = ordered(model, HITS)
    assert (ordering.hits, ordering.fault) == (HITS, fault)


def test_a_model_that_never_ends_is_not_waited_for():
    class Hangs(Says):
        def begin(self, messages, put, *, deadline):
            put("[3] > ")
            return lambda: None

    begun = time.monotonic()
    ordering = ordered(Hangs(), HITS, timeout_s=0.5)
    assert (ordering.hits, ordering.fault) == (HITS, "did not answer in time")
    assert time.monotonic() - begun < 5


def test_a_model_that_goes_on_and_on_is_cut_off():
    ordering = ordered(Says(*["[2] > "] * 100_000), HITS)
    assert numbers(ordering.hits)[:3] == [1, 0, 2]


def test_who_leaves_stops_the_model():
    stopped: list[bool] = []

    class Hangs(Says):
        def begin(self, messages, put, *, deadline):
            return lambda: stopped.append(True)

    waits = iter(listwise().order(Hangs(), "Which?", HITS))
    next(waits)
    next(waits)
    waits.close()
    assert stopped


@pytest.mark.parametrize("n", [0, 1])
def test_one_paper_needs_no_order(n: int):
    model = Knows()
    assert ordered(model, HITS[:n]).hits == HITS[:n]
    assert model.asked == []


said = st.lists(
    st.one_of(st.integers(-5, 60).map(lambda n: f"[{n}]"), st.sampled_from([">", " ", "x", "["]))
).map("".join)


@given(said, st.booleans())
def test_whatever_it_says_no_paper_is_lost(text: str, complete: bool):
    ordering = ordered(Says(text or " ", ending=End(complete=complete)), HITS[:12], depth=10)
    assert sorted(numbers(ordering.hits)) == list(range(12))
    assert numbers(ordering.hits)[10:] == [10, 11]
    assert [hit.score for hit in ordering.hits] == [hit.score for hit in HITS[:12]]
