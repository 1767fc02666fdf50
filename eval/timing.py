"""Measure what questions take: memory, and each stage's time, from the spans of LlamaIndex."""

import sys
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index_instrumentation import get_dispatcher

# What a person calls the steps; other spans are parts of these.
_STAGES = {
    "HybridRetriever._by_vectors": "vectors",
    "HybridRetriever._by_words": "words",
    "StockRetriever.retrieve": "stock",
    "LateInteraction._postprocess_nodes": "late interaction",
    "Neighbours._postprocess_nodes": "neighbours",
    "CrossEncoded._postprocess_nodes": "cross-encoder",
}


@contextmanager
def stages() -> Generator[dict[str, list[float]]]:
    """Record the steps that run meanwhile, in any thread.

    Yields:
        Durations in milliseconds by stage; filled when the block ends.
    """
    dispatcher, handler = get_dispatcher(), SimpleSpanHandler()
    found: defaultdict[str, list[float]] = defaultdict(list)
    dispatcher.add_span_handler(handler)
    try:
        yield found
    finally:
        dispatcher.span_handlers.remove(handler)
        for span in handler.completed_spans:
            # An id is the name of the method, a dash, and a random one.
            name = span.id_.partition("-")[0]
            if name in _STAGES:
                found[_STAGES[name]].append(span.duration * 1000)


def peak_memory_mb() -> float | None:
    """Return how much memory this process has held at most; None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    # Counted in kilobytes, and on macOS in bytes.
    per_mb = 1024 * 1024 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb, 1)
