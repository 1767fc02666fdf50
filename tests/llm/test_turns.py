"""More questions at once than are allowed: they wait, in their order, each within its own time."""

import time
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest

from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.load import load_model
from footnote.rag.llm.port import Message, Model
from footnote.rag.llm.talk import Reply
from footnote.rag.llm.turns import InTurn
from tests.llm.servers import GOOD, Faults, fault_server
from tests.made import Says

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HELLO = [Message("user", "Say hello.")]


@pytest.fixture
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        yield faults


def model_at(server: Faults, fault: str, parallel: int) -> Model:
    limits = {"context_window": 4096, "max_tokens": 100}
    url = server.url(fault)
    return InTurn(load_model("openai-compatible", model="small", base_url=url, **limits), parallel)


def said(model: Model, timeout_s: float = 30) -> str:
    return "".join(Reply(model, HELLO, timeout_s=timeout_s, max_tokens=100))


def test_no_more_are_asked_at_once_and_all_are_answered(server: Faults):
    model, answers = model_at(server, "slow", 3), list[str]()
    server.text = "Yes."  # some seconds each
    threads = [Thread(target=lambda: answers.append(said(model))) for _ in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 7
    assert all(answer.startswith("Yes.") for answer in answers)
    assert server.most_at_once == 3


def test_one_that_has_waited_for_its_whole_time_says_for_what(server: Faults):
    model = model_at(server, "hang", 1)
    with closing(iter(Reply(model, HELLO, timeout_s=60, max_tokens=9))) as first:
        assert next(first) == ""
        begun = time.monotonic()
        with pytest.raises(GenerationError, match="is still answering another question"):
            said(model, timeout_s=1.5)
        assert time.monotonic() - begun < 4


def test_one_that_is_stopped_gives_back_its_turn_at_once(server: Faults):
    hanging = model_at(server, "hang", 1)
    with closing(iter(Reply(hanging, HELLO, timeout_s=60, max_tokens=9))) as first:
        next(first)
        with closing(iter(Reply(hanging, HELLO, timeout_s=60, max_tokens=9))) as second:
            assert next(second) == ""  # it waits, and is stopped while it does
    with closing(iter(Reply(hanging, HELLO, timeout_s=60, max_tokens=9))) as third:
        next(third)
        assert server.asked["hang"] == 2


@pytest.mark.parametrize("fault", ["500", "malformed", "cut", "empty"])
def test_a_fault_gives_back_its_turn(server: Faults, fault: str):
    model = model_at(server, fault, 1)
    for _ in range(3):
        with pytest.raises(GenerationError) as caught:
            said(model)
        assert "llm.parallel" not in str(caught.value)


def test_a_model_that_cannot_begin_is_no_turn_lost(server: Faults):
    class Broken(Says):
        def begin(self, *_: object, **__: object) -> object:  # pyright: ignore
            raise RuntimeError("no")

    model = InTurn(Broken(), 1)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no"):
            said(model)
    assert said(model_at(server, "good", 1)).strip() == GOOD
