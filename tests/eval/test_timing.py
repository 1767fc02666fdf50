"""Stages of a question, told by those who run them."""

import threading
import time

import pytest

from footnote.eval.timing import stages
from footnote.rag.core.stages import stage


@stage("slow")
def slow(seconds: float = 0.002) -> float:
    time.sleep(seconds)
    return seconds


@stage("wrong")
def wrong() -> None:
    raise KeyError


def test_each_run_of_a_stage_is_one_duration_in_milliseconds():
    with stages() as found:
        assert [slow(), slow(seconds=0.003)] == [0.002, 0.003]
    assert list(found) == ["slow"]
    first, second = found["slow"]
    assert first >= 2
    assert second >= 3


def test_stages_of_other_threads_count_too():
    with stages() as found:
        thread = threading.Thread(target=slow)
        thread.start()
        thread.join()
    assert len(found["slow"]) == 1


def test_one_that_fails_is_no_stage_and_nothing_is_left_listening():
    with stages() as before:
        pass
    with pytest.raises(KeyError), stages() as found:
        wrong()
    slow()
    assert (before, found) == ({}, {})
