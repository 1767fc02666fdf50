"""What this machine's processor does well, and how much of it a question may take."""

import gc
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import threadpool_limits


def computes_in_bfloat16() -> bool:
    """Return True if the processor has instructions for bfloat16; without, it is slower."""
    return _has("avx512_bf16", "amx_bf16", "bf16")


def multiplies_bytes() -> bool:
    """Return True if this processor has instructions that sum products of bytes."""
    return _has("avx512_vnni", "avx_vnni", "amx_int8")


@cache
def tune_process() -> None:
    """Tune this process for questions, once, when what all of them need is loaded.

    numpy then computes on one thread: the others of OpenBLAS turn idly from one sum to the next,
    which takes a second core and, with anything else on the machine, up to ten times as long. And
    what is loaded is not searched for garbage any more, which stopped every hundredth question for
    0.3 seconds; what is loaded later still is, such as an index that has changed.
    """
    threadpool_limits(1, user_api="blas")
    gc.freeze()


@contextmanager
def one_thread() -> Generator[None]:
    """Compute on the thread that asks, for sums that are too short to be shared out.

    Threads of one sum wait for each other at every step: with anything else on the machine, such
    as a second question, a sum of four milliseconds then takes up to half a second.
    """
    import torch

    threads = n_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def n_threads() -> int:
    """Return how many threads torch computes on, read before any question has changed it."""
    import torch

    return torch.get_num_threads()


@cache
def _has(*instructions: str) -> bool:
    import torch

    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in instructions)
