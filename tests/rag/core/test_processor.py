import gc
import weakref

import pytest
from threadpoolctl import threadpool_info

from footnote.rag.core.processor import n_threads, tune_process


class Loop:
    def __init__(self):
        self.own = self


def test_questions_take_one_thread_and_leave_what_is_loaded_out_of_collections():
    tune_process()
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert gc.get_freeze_count() > len(gc.get_objects())
    later = weakref.ref(Loop())
    gc.collect()
    assert later() is None


def test_there_is_a_thread_to_compute_on(monkeypatch: pytest.MonkeyPatch):
    assert n_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert n_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert n_threads() >= 1
