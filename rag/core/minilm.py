"""Read texts with the bundled model, all-MiniLM-L6-v2, by onnxruntime.

It is loaded in a tenth of the time that torch takes, and computes as fast or faster in float32.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from footnote.rag.core.bundled import bundled_graph, bundled_tokenizer

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MOST_PIECES = 512
"""Its card says 256, the length it was trained at; its positions go to 512."""
N_LAYERS = 3
"""Of six, that `lower_states` reads: see `docs/experiments.md`."""
# The graph's own name of what the third layer gives.
_LOWER = "layer_norm_6"


class Read(NamedTuple):
    """The pieces of a text, without the two that the model adds, and their states."""

    states: np.ndarray
    """float32, (n, 384)."""
    mean: np.ndarray
    """Of all states, those of the two among them, as the model was trained; float32, (384,)."""
    starts: np.ndarray
    """int, (n,): where each begins in the text."""
    ends: np.ndarray
    """int, (n,): where each ends."""


def read(text: str, most_pieces: int = MOST_PIECES) -> Read:
    """Read a text with all layers, as far as its first pieces.

    Raises:
        EmbeddingError: The model is missing or damaged.
    """
    return _read(_session(lower=False), _tokenizer(most_pieces).encode(text))


def read_lower(text: str, most_pieces: int) -> Read:
    """Read a text with the lower layers alone, as far as its first pieces.

    What the upper layers give is of what a text is about; what it asks for is clearest in the
    middle.

    Raises:
        EmbeddingError: The model is missing or damaged.
    """
    return _read(_session(lower=True), _tokenizer(most_pieces).encode(text))


def _read(session: "InferenceSession", pieces: Any) -> Read:  # noqa: ANN401 - tokenizers has no types
    # One text at a time: side by side they are padded to the longest, and none is read faster.
    ids = np.array([pieces.ids], np.int64)
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0}
    found: Any = session.run(None, given)
    [[states]] = found
    starts, ends = np.array(pieces.offsets[1:-1], int).reshape(-1, 2).T
    return Read(states[1:-1], states.mean(axis=0), starts, ends)


@cache
def _tokenizer(most_pieces: int) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(bundled_tokenizer()))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most_pieces)
    return tokenizer


@cache
def _session(*, lower: bool) -> "InferenceSession":
    from onnxruntime import (
        InferenceSession,
        SessionOptions,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
    )

    options = SessionOptions()
    # Threads of one sum wait for each other at every step; texts are read side by side instead.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # that a graph has parts which nothing asks for is meant
    graph = _lower_part() if lower else str(bundled_graph())
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _lower_part() -> bytes:
    """Return the graph with the third layer's states as what it gives; the rest is left out."""
    import onnx

    model = onnx.load(str(bundled_graph()))
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(_LOWER))
    return model.SerializeToString()
