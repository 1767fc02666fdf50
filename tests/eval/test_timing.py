"""Stages of a question, from the spans that LlamaIndex's steps report."""

import threading
import time

import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index_instrumentation import get_dispatcher

from footnote.eval.timing import stages


class StockRetriever(BaseRetriever):
    """Called as a stage is, so that its spans have that stage's name."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        time.sleep(0.002)
        return []


class Unknown(StockRetriever):
    pass


def test_each_run_of_a_stage_is_one_duration_and_other_steps_are_none():
    with stages() as found:
        for _ in range(3):
            StockRetriever().retrieve("what")
        Unknown().retrieve("what")
    assert list(found) == ["stock"]
    assert len(found["stock"]) == 3
    assert all(duration >= 2 for duration in found["stock"])


def test_stages_of_other_threads_count_too():
    with stages() as found:
        thread = threading.Thread(target=StockRetriever().retrieve, args=("what",))
        thread.start()
        thread.join()
    assert len(found["stock"]) == 1


def fails() -> None:
    with stages():
        StockRetriever().retrieve("what")
        raise KeyError


def test_nothing_is_left_watching_whatever_happens():
    before = list(get_dispatcher().span_handlers)
    with pytest.raises(KeyError):
        fails()
    with stages() as found:
        pass
    assert get_dispatcher().span_handlers == before
    StockRetriever().retrieve("what")
    assert found == {}
