import gc
import weakref

import pytest
import torch
from threadpoolctl import threadpool_info

from footnote.rag.core.processor import one_thread, tune_process


def test_threads_are_given_back_even_after_an_error():
    before = torch.get_num_threads()
    within: list[int] = []

    def halfway():
        with one_thread():
            within.append(torch.get_num_threads())
            raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        halfway()
    assert within == [1]
    assert torch.get_num_threads() == before


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
