"""Read texts with the bundled model, all-MiniLM-L6-v2, by onnxruntime.

It is loaded in a tenth of the time that torch takes, and computes as fast or faster in float32.
"""

from functools import cache, lru_cache
from itertools import count
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
# The graph's own names of what the third layer gives, and the last.
_LOWER, _LAST = "layer_norm_6", "last_hidden_state"
# A graph of the lower layers alone is loaded, in a fifth of a second, once so many texts were read
# by all of them, each for 2 ms more: a process that answers one question has no use for it.
_READ_WHOLE = 32
# The lines of a conversation are read again at each turn of it; one of 20 words takes 60 kB.
_KEPT = 64


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


class ReadLine(NamedTuple):
    """A line that somebody typed, read once."""

    lower: Read
    """By the lower layers alone, as `read_lower` gives it."""
    whole: Read
    """By all layers."""


def read(text: str, most_pieces: int = MOST_PIECES) -> Read:
    """Read a text with all layers, as far as its first pieces.

    Raises:
        EmbeddingError: The model is missing or damaged.
    """
    [found] = _read(_whole(), text, most_pieces, _LAST)
    return found


def read_lower(text: str, most_pieces: int) -> Read:
    """Read a text with the lower layers alone, as far as its first pieces.

    What the upper layers give is of what a text is about; what it asks for is clearest in the
    middle.

    Raises:
        EmbeddingError: The model is missing or damaged.
    """
    session = _whole() if next(_n_lower) < _READ_WHOLE else _lower()
    [found] = _read(session, text, most_pieces, _LOWER)
    return found


@lru_cache(_KEPT)
def read_line(text: str, most_pieces: int) -> ReadLine:
    """Read a line with all layers, and keep what the lower ones gave; the arrays are shared.

    Raises:
        EmbeddingError: The model is missing or damaged.
    """
    return ReadLine(*_read(_whole(), text, most_pieces, _LOWER, _LAST))


def _read(session: "InferenceSession", text: str, most_pieces: int, *layers: str) -> list[Read]:
    # One text at a time: side by side they are padded to the longest, and none is read faster.
    pieces = _tokenizer(most_pieces).encode(text)
    ids = np.array([pieces.ids], np.int64)
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0}
    found: Any = session.run(layers, given)
    starts, ends = np.array(pieces.offsets[1:-1], int).reshape(-1, 2).T
    return [Read(states[1:-1], states.mean(axis=0), starts, ends) for [states] in found]


@cache
def _tokenizer(most_pieces: int) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(bundled_tokenizer()))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most_pieces)
    return tokenizer


@cache
def _whole() -> "InferenceSession":
    """Load all layers, which give what the lower ones have found as well."""
    # Protocol buffers that stand end to end are read as one that has the fields of both.
    return _session(bundled_graph().read_bytes() + _output(_LOWER))


def _output(name: str) -> bytes:
    """Return an ONNX model of nothing but an output: `graph` (7) with an `output` (12) so named."""
    encoded = name.encode()
    for tag in (b"\x0a", b"\x62", b"\x3a"):  # name, output, graph, each of bytes
        encoded = tag + bytes([len(encoded)]) + encoded
    return encoded


@cache
def _lower() -> "InferenceSession":
    """Load what of the graph gives the lower layers; onnxruntime would compute the rest as well."""
    import onnx
    from onnx.utils import Extractor

    model = onnx.load(str(bundled_graph()))
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(_LOWER))
    taken = [each.name for each in model.graph.input]
    return _session(Extractor(model).extract_model(taken, [_LOWER]).SerializeToString())


def _session(graph: bytes) -> "InferenceSession":
    from onnxruntime import (
        InferenceSession,
        SessionOptions,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
    )

    options = SessionOptions()
    # Threads of one sum wait for each other at every step; texts are read side by side instead.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])


_n_lower = count()
