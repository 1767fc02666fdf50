import gc
import weakref

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from footnote.rag.core.processor import n_threads, on_one_thread, tune_process


class Loop:
    def __init__(self):
        self.own = self


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_questions_take_one_thread_and_leave_what_is_loaded_out_of_collections():
    tune_process()
    assert blas_threads() == {1}
    assert gc.get_freeze_count() > len(gc.get_objects())
    later = weakref.ref(Loop())
    gc.collect()
    assert later() is None


def test_sums_are_on_one_thread_so_long_as_a_question_is_answered():
    with threadpool_limits(2, user_api="blas"):
        with on_one_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_there_is_a_thread_to_compute_on(monkeypatch: pytest.MonkeyPatch):
    assert n_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert n_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert n_threads() >= 1
