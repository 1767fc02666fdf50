"""Named sets of settings for machines of several kinds, what each costs, and what this machine is.

Sizes and figures are those that the models' own cards publish; what a question costs is counted:
weights that a token passes, times tokens. A profile is a proposal: any setting can be set alone.
"""

import os
import platform
from importlib.util import find_spec

import httpx

from footnote.rag.core.base import Record
from footnote.rag.core.processor import computes_in_bfloat16, n_threads

# Tokens of a question, of a paper read in two passes, and of one that a reranker reads beside it.
_QUESTION, _PAPER, _PAIR = 15, 850, 350
_HUB_S = 3.0
_LEAST_CORES = 4


class Model(Record):
    """A model, as its card describes it."""

    name: str
    megabytes: int
    """What is fetched at most: four bytes for each of all its weights."""
    weights: float
    """Millions that each token passes: those of its layers, without the table of words."""


class Profile(Record):
    """A set of settings under a name."""

    name: str
    about: str
    embedder: Model
    reranker: Model | None = None
    reranker_depth: int = 0
    """Papers that the reranker reads."""
    published: str
    """What the embedder's card says of how well it finds."""

    @property
    def models(self) -> tuple[Model, ...]:
        """Its models."""
        return (self.embedder, self.reranker) if self.reranker else (self.embedder,)

    @property
    def megabytes(self) -> int:
        """What is fetched, once."""
        return sum(model.megabytes for model in self.models)

    @property
    def question_cost(self) -> float:
        """Millions of products for a question."""
        read = self.reranker.weights * self.reranker_depth * _PAIR if self.reranker else 0
        return self.embedder.weights * _QUESTION + read

    @property
    def paper_cost(self) -> float:
        """Millions of products for a paper taken in."""
        return self.embedder.weights * _PAPER

    def settings(self) -> dict[str, dict[str, str | int]]:
        """Return the settings, as a settings file has them."""
        found: dict[str, dict[str, str | int]] = {"embedder": {"name": self.embedder.name}}
        if self.reranker:
            found["retrieval"] = {
                "reranker": self.reranker.name,
                "reranker_depth": self.reranker_depth,
            }
        return found


OFFLINE = Profile(
    name="offline",
    about="what is installed: nothing is fetched, for any processor",
    embedder=Model(name="bundled", megabytes=0, weights=10.6),
    published="BEIR 41.95 (all-MiniLM-L6-v2)",
)
CPU_PLUS = Profile(
    name="cpu-plus",
    about="a stronger small embedder and a very small reranker, for some cores",
    embedder=Model(name="Snowflake/snowflake-arctic-embed-s", megabytes=133, weights=21.3),
    reranker=Model(name="cross-encoder/ms-marco-TinyBERT-L2-v2", megabytes=18, weights=0.4),
    reranker_depth=20,
    published="BEIR 51.98; reranker TREC DL 2019 69.84",
)
MULTILINGUAL = Profile(
    name="multilingual",
    about="papers and questions in twelve languages; requests are read best in English",
    embedder=Model(
        name="ibm-granite/granite-embedding-107m-multilingual", megabytes=430, weights=10.7
    ),
    published="MIRACL 46.7 in English",
)
GPU = Profile(
    name="gpu",
    about="a large embedder and a large reranker, for a GPU",
    embedder=Model(name="Snowflake/snowflake-arctic-embed-l", megabytes=1340, weights=303.0),
    reranker=Model(name="BAAI/bge-reranker-v2-m3", megabytes=2270, weights=303.0),
    reranker_depth=30,
    published="BEIR 55.98",
)
PROFILES = {profile.name: profile for profile in (OFFLINE, CPU_PLUS, MULTILINGUAL, GPU)}


class Machine(Record):
    """What a machine has that decides which models it can run."""

    processor: str
    threads: int
    bfloat16: bool
    memory_gb: float
    gpu: str | None
    """Name of the GPU that torch computes on; None where there is none."""
    hub: bool
    """True where the model hub answers."""


def this_machine() -> Machine:
    """Look at this machine; the hub is asked once, for three seconds at most."""
    return Machine(
        processor=platform.machine(),
        threads=n_threads(),
        bfloat16=computes_in_bfloat16(),
        memory_gb=round(_memory_bytes() / 1e9, 1),
        gpu=_gpu(),
        hub=_reaches_hub(),
    )


def proposed(machine: Machine) -> Profile:
    """Return the profile that suits a machine."""
    if not machine.hub:
        return OFFLINE
    if machine.gpu:
        return GPU
    return CPU_PLUS if machine.threads >= _LEAST_CORES else OFFLINE


def _memory_bytes() -> int:
    if not hasattr(os, "sysconf"):  # Windows
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gpu() -> str | None:
    if find_spec("torch") is None:
        return None
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "Apple GPU" if torch.backends.mps.is_available() else None


def _reaches_hub() -> bool:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        return httpx.head(constants.ENDPOINT, timeout=_HUB_S).status_code < httpx.codes.BAD_REQUEST
    except httpx.HTTPError:
        return False
