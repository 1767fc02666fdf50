import pytest
import torch

from rag.processor import one_thread


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
