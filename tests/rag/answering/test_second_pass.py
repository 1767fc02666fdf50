"""A model asked again, by stand-ins that answer as a test tells them."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from footnote.rag.answering.second_pass import Faulty, judge_by, mend
from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.port import End, Message, Put
from tests.made import Says


class Answers:
    """A model that answers by what it is asked, each call in a thread of its own."""

    name = "strong"
    context_window = 4_000

    def __init__(self, answer: Callable[[str], str]):
        self._answer = answer
        self.asked: list[str] = []

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        def run() -> None:
            put(self._answer(messages[-1].content))
            put(End(complete=True))

        self.asked.append(messages[-1].content)
        threading.Thread(target=run, daemon=True).start()
        return lambda: None


def test_each_claim_is_judged_beside_its_own_quotes_and_nothing_else():
    model = Answers(lambda asked: "Yes." if "keeps blocks" in asked else "no: says nothing of Mars")
    pairs = [("Alpha keeps blocks.", "Alpha stores them."), ("It is fast.", "It flew to Mars.")]
    yes, no = judge_by(model, timeout_s=5)(pairs)
    assert (yes.likely, yes.differs) == (1.0, None)
    assert (no.likely, no.differs) == (0.0, "says nothing of Mars")
    [first] = [asked for asked in model.asked if "Alpha stores them." in asked]
    assert "Mars" not in first


@pytest.mark.parametrize("said", ["", "Perhaps.", "Notable work."])
def test_what_is_neither_yes_nor_no_tells_nothing(said: str):
    [judgement] = judge_by(Says(said), timeout_s=5)([("Quote.", "Claim.")])
    assert judgement == (0.5, None)


def test_a_model_that_fails_or_hangs_tells_nothing_and_ends_in_time():
    failing = Says(ending=GenerationError("failed (500)"))
    assert judge_by(failing, timeout_s=5)([("Q.", "C.")])[0].likely == 0.5
    hanging = Answers(lambda _: time.sleep(5) or "yes")
    begun = time.monotonic()
    found = judge_by(hanging, timeout_s=0.2)([("Q.", "C.")] * 40)
    assert {j.likely for j in found} == {0.5}
    assert time.monotonic() - begun < 3


def test_statements_are_rewritten_by_their_numbers():
    faulty = [Faulty("A is 5x faster.", "A is up to 5x faster.", "up to"), Faulty("B.", "C.", "no")]
    model = Says("<think>2. hm</think>Here:\n1. A is up to 5x faster.\n2. none\n7. Else.\n")
    assert mend(model, faulty, timeout_s=5) == {0: "A is up to 5x faster."}
    assert mend(model, [], timeout_s=5) == {}
    assert mend(Says(ending=GenerationError("failed")), faulty, timeout_s=5) == {}
