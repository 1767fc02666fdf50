"""What this machine's processor does well, and how much of it a question may take."""

import gc
import os
from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController, threadpool_limits


@cache
def computes_in_bfloat16() -> bool:
    """Return True if the processor has instructions for bfloat16; without, it is slower."""
    import numkong

    found = numkong.get_capabilities()
    return any(found.get(name) for name in ("genoa", "sapphireamx", "neonbfdot", "svebfdot"))


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


def on_one_thread() -> AbstractContextManager[object]:
    """Have numpy compute on one thread in a `with` block; see `tune_process`.

    Only so long: it may be somebody's notebook, and have sums of its own. Of several threads in
    such blocks the first one decides, and ends it.
    """
    return _libraries().limit(limits=1, user_api="blas")


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all that is loaded, which takes milliseconds


def n_threads() -> int:
    """Return how many threads can compute side by side here.

    As many as the environment says, which is how Ray and others share out a machine.
    """
    if (told := os.environ.get("OMP_NUM_THREADS", "")).isdecimal() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
