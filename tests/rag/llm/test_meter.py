"""What the calls of one question took: by their server, or by length; never of another question."""

from collections.abc import Sequence
from contextlib import closing
from threading import Thread

import pytest

from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Writing
from footnote.rag.llm.meter import UNKNOWN, Meter, Price
from footnote.rag.llm.port import End, Message, Usage
from footnote.rag.llm.talk import Reply
from tests.made import Says

ASKED = [Message("system", "x" * 30), Message("user", "y" * 10)]
WRITING = Writing(
    model="small", left_out=0, sources_left_out=0, fault=None, first_token_s=1, tokens_per_s=2, seconds=3
)  # fmt: skip


def ask(meter: Meter, model: Says) -> None:
    for _ in Reply(meter.watch(model), ASKED, timeout_s=9, max_tokens=99):
        pass


def took(read: int, written: int) -> Says:
    return Says("Alpha.", ending=End(complete=True, usage=Usage(read, written)))


def noted(meter: Meter, writing: Writing | None = WRITING) -> Writing:
    done = meter.noted(writing)
    assert done
    return done


def test_all_calls_of_a_question_are_counted_and_priced():
    meter = Meter(Price(2.0, 10.0))
    ask(meter, took(3000, 400))
    ask(meter, took(120, 10))
    done = noted(meter)
    assert (done.tokens_in, done.tokens_out, done.estimated) == (3120, 410, False)
    assert done.cost == 0.01034  # (3120 · 2 + 410 · 10) / 1,000,000
    assert done.seconds == 3


def test_without_a_count_of_the_server_it_is_an_estimate_by_length():
    meter = Meter(UNKNOWN)
    ask(meter, took(100, 10))
    ask(meter, Says("z" * 9))
    done = noted(meter)
    assert (done.tokens_in, done.tokens_out) == (100 + 10, 10 + 3)
    assert done.estimated
    assert done.cost is None


def test_a_price_that_is_not_known_counts_nothing():
    assert Price(None, 5.0).of(Usage(1_000, 2_000)) == 0.01
    assert Price(0.0, 0.0).of(Usage(1_000, 2_000)) == 0


def test_a_reply_that_was_stopped_is_counted_as_far_as_it_came():
    class Goes(Says):
        def begin(self, messages: Sequence[Message], put: object, *, deadline: float):
            put("z" * 40)  # pyright: ignore[reportCallIssue]
            return lambda: put(End(complete=False, usage=Usage(9, 9)))  # pyright: ignore[reportCallIssue]

    meter = Meter(UNKNOWN)
    with closing(iter(Reply(meter.watch(Goes()), ASKED, timeout_s=9, max_tokens=9))) as pieces:
        next(pieces)
    assert (noted(meter).tokens_in, noted(meter).tokens_out) == (9, 9)


def test_one_that_never_said_a_word_is_not_counted():
    meter = Meter(UNKNOWN)
    with pytest.raises(GenerationError):
        ask(meter, Says(ending=GenerationError("failed")))
    assert meter.noted(None) is None
    assert meter.noted(WRITING) == WRITING
    assert {"tokens_in", "estimated", "cost", "cached"}.isdisjoint(WRITING.model_dump())


def test_a_question_that_was_only_read_says_so():
    meter = Meter(UNKNOWN)
    ask(meter, took(50, 5))
    done = noted(meter, None)
    assert (done.model, done.fault, done.tokens_in) == ("small", None, 50)


def test_questions_at_once_have_each_their_own_count():
    meters = [Meter(UNKNOWN) for _ in range(8)]
    model = took(7, 1)

    def all_of(meter: Meter, n: int) -> None:
        for _ in range(n):
            ask(meter, model)

    threads = [Thread(target=all_of, args=(m, n)) for n, m in enumerate(meters, start=1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [noted(meter).tokens_in for meter in meters] == [7 * n for n in range(1, 9)]
