"""What gives the tokens of a text their vectors: the bundled model, or any other local one."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from footnote.rag.core.minilm import MOST_PIECES, Read, read, read_line
from footnote.rag.core.processor import n_threads
from footnote.rag.index.token_embeddings import TokenEmbeddings, unit_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# A batch is read on one thread, several side by side: of 32, 16 and 8 sentences 8 was the fastest,
# of 8, 4 and 2 abstracts 2 as fast as 4. An abstract counts for so many sentences.
_SMALLER_SIDE_BY_SIDE = 4
_SENTENCES_AN_ABSTRACT = 4

Side = Literal["query", "document"]


class Encoded(NamedTuple):
    """A text as a model reads it."""

    vector: np.ndarray
    """float32, (dimension,), unit norm."""
    tokens: TokenEmbeddings


class Encoder(Protocol):
    """Reads texts."""

    averages: bool
    """True where the vector of a text is the mean of those of its tokens."""
    dimension: int

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoded]:
        """Read texts of about the same length; each as far as the model reads."""
        ...

    def batch(self, *, abstracts: bool) -> int:
        """Return how many texts, each an abstract or a sentence, are best read at once."""
        ...


class OnnxEncoder:
    """The bundled model by onnxruntime, on the processor, in float32."""

    averages = True
    dimension = 384

    def __init__(self, most_tokens: int = MOST_PIECES):
        """Read texts as far as so many tokens, of which it adds two itself."""
        self._most = min(most_tokens, MOST_PIECES)

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoded]:
        """Read texts one by one; the sides are read alike, and questions once."""
        if side == "query":
            return [_encoded(read_line(text, self._most).whole) for text in texts]
        return [_encoded(read(text, self._most)) for text in texts]

    def batch(self, *, abstracts: bool) -> int:
        """Return 1: side by side nothing is read faster, but for what is padded slower."""
        del abstracts
        return 1


def _encoded(found: Read) -> Encoded:
    [vector] = unit_rows(found.mean[None])
    return Encoded(vector, TokenEmbeddings(found.states, found.starts, found.ends))


class TorchEncoder:
    """A sentence-transformers model, on any device, with the prompts that it comes with."""

    def __init__(self, model: "SentenceTransformer", batch: int):
        """Read by a model, so many sentences at once."""
        self.model = model
        self._batch = batch
        self.dimension = model.get_embedding_dimension() or 0
        self.averages = _averages(model)

    @property
    def on_processor(self) -> bool:
        """True unless it computes on another device."""
        return self.model.device.type == "cpu"

    def batch(self, *, abstracts: bool) -> int:
        """Return how many texts are best read at once."""
        size = self._batch // (_SENTENCES_AN_ABSTRACT if abstracts else 1)
        return max(1, size // (_SMALLER_SIDE_BY_SIDE if self.on_processor else 1))

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoded]:
        """Read texts in one pass of the model."""
        import torch

        model, prompt = self.model, prompt_of(self.model, side)
        encoded = model.tokenizer(
            [prompt + text for text in texts],
            padding=True,
            truncation=True,
            max_length=model.max_seq_length,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        offsets = np.array(encoded.pop("offset_mapping"))
        special = np.array(encoded.pop("special_tokens_mask"), bool)
        with torch.inference_mode(), _one_thread():
            # The tokenizer's own tensors take three times as long as its work on a question.
            given = {name: torch.tensor(rows).to(model.device) for name, rows in encoded.items()}
            out = model(given)
        vectors = out["sentence_embedding"].float().cpu().numpy()
        matrices = out["token_embeddings"].float().cpu().numpy()
        results: list[Encoded] = []
        for vector, rows, marks, places in zip(vectors, matrices, special, offsets, strict=True):
            own = ~marks & (places[:, 0] >= len(prompt))
            starts, ends = (places[own] - len(prompt)).T
            tokens = TokenEmbeddings(rows[own], starts, ends)
            results.append(Encoded(unit_rows(vector[None])[0], tokens))
        return results


def encode_all(
    encoder: Encoder, texts: Sequence[str], *, abstracts: bool
) -> Iterator[tuple[int, Encoded]]:
    """Read documents; yields the number of each, in batches of texts of like length.

    Each batch is read on one thread, several side by side: threads of one batch wait for each other
    at every step, and with anything else on the machine for much longer.
    """
    size = encoder.batch(abstracts=abstracts)
    # Longest first: the last batches, when some threads have nothing left, are the shortest.
    order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
    batches = [order[first : first + size] for first in range(0, len(order), size)]

    def encoded(numbers: Sequence[int]) -> list[Encoded]:
        return encoder.encode([texts[number] for number in numbers], "document")

    elsewhere = isinstance(encoder, TorchEncoder) and not encoder.on_processor
    with ThreadPoolExecutor(1 if elsewhere else n_threads()) as pool:
        for numbers, found in zip(batches, pool.map(encoded, batches), strict=True):
            yield from zip(numbers, found, strict=True)


def prompt_of(model: "SentenceTransformer", side: Side) -> str:
    """Return what the model wants before a text."""
    # sentence-transformers knows documents by three names.
    names = ("query",) if side == "query" else ("document", "passage", "corpus")
    return next((prompt for name in names if (prompt := model.prompts.get(name))), "")


def _averages(model: "SentenceTransformer") -> bool:
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    modules = list(model)
    poolings = [module for module in modules if isinstance(module, Pooling)]
    return (
        len(poolings) == 1
        and poolings[0].pooling_mode == "mean"
        and all(isinstance(module, Normalize | Pooling | Transformer) for module in modules)
    )


@contextmanager
def _one_thread() -> Generator[None]:
    """Compute on the thread that asks, for sums that are too short to be shared out.

    Threads of one sum wait for each other at every step: with anything else on the machine, such
    as a second question, a sum of four milliseconds then takes up to half a second.
    """
    import torch

    threads = _torch_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def _torch_threads() -> int:
    """Return how many threads torch computes on, read before any text has changed it."""
    import torch

    return torch.get_num_threads()
