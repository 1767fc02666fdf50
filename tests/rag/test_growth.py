"""What a question costs grows with its length and no faster, whatever it is made of."""

import math
import random
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from footnote.ingest.pipeline import ingest
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import load_config
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.token_embeddings import TokenEmbeddings
from footnote.rag.retrieval.rerank import token_weights
from tests.conftest import SAMPLE

pytestmark = pytest.mark.slow

LENGTH = 3_990
N_PAPERS = 60
USUAL = "How much does NanoFlow improve the throughput of serving?"


def made_up(n: int, letters: int) -> list[str]:
    drawn = random.Random(n * letters)  # noqa: S311 - words, not secrets
    return ["".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=letters)) for _ in range(n)]


FILLERS = {
    "no spaces": "什么是",
    "hyphens": "a-",
    "one capital": "A",
    "capitals inside": "AbAb",
    "digits": "1,",
    "brackets": "(",
    "quotation marks": '"',
    "question marks": "? ",
    "short words": "the of a is it so ",
    "unknown words": " ".join(made_up(700, 6)) + " ",
    "long unknown words": " ".join(made_up(250, 17)) + " ",
    "names": " ".join(word[:3].title() + word[3:].title() for word in made_up(700, 6)) + " ",
    "abbreviations": "GPU-",
    "halves": "and what ",
    "sides": "against one or ",
    "prices": "how much does ",
    "papers": "which x y z ",
    "combining marks": "e\u0301\u0327",
    "dots": ".",
    "lines": "what\n",
    "powers": "x^",
    "units": "12 ms 3.5 GB 40% ",
}


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    """An assistant over some of the sample, whose embedder costs next to nothing."""
    folder = tmp_path_factory.mktemp("growth")
    lines = SAMPLE.read_text().splitlines(keepends=True)[:N_PAPERS]
    (folder / "papers.jsonl").write_text("".join(lines))
    config = load_config(index=folder / "index", embedder={"name": "tests.hashing:HashEmbedding"})
    ingest([folder / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    return open_assistant(config)


def seconds(assistant: Assistant, question: str, history: list[str] | None = None) -> float:
    """Processor time of an answer, the best of several."""
    times: list[float] = []
    for _ in range(3):
        started = time.process_time()
        assistant.ask(question, history or [])
        times.append(time.process_time() - started)
    return min(times)


@pytest.fixture(autouse=True)
def one_blas_thread() -> Generator[None]:
    """As the command line and the server have it: idle threads of BLAS turn, and count as work."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def usual(hashed: Assistant) -> float:
    return seconds(hashed, USUAL)


@pytest.mark.parametrize("filler", FILLERS.values(), ids=FILLERS.keys())
def test_twice_the_question_costs_about_twice(hashed: Assistant, usual: float, filler: str):
    question = ("what " + filler * LENGTH)[:LENGTH]
    half = whole = math.inf
    for _ in range(5):  # on a busy machine the same work takes up to twice the processor time
        half = min(half, seconds(hashed, question[: LENGTH // 2]))
        whole = min(whole, seconds(hashed, question))
        # What takes no longer than a usual question may take a little more or less.
        if whole < 2.5 * half + usual:
            break
    assert whole < 2.5 * half + usual
    assert whole < 60 * usual


def test_a_long_conversation_costs_no_more_than_a_short_one(hashed: Assistant, usual: float):
    asked = "and its memory use?"
    for before in ("and what of it?", ("and " + FILLERS["unknown words"])[:LENGTH]):
        short = long = math.inf
        for _ in range(5):  # as above: the least of several is what the work itself takes
            short = min(short, seconds(hashed, asked, [before] * 4))
            long = min(long, seconds(hashed, asked, [before] * 400))
            if long < 1.5 * short:
                break
        assert long < 1.5 * short
        assert short < 12 * max(usual, seconds(hashed, before))


def test_a_word_of_many_tokens_is_read_once(tmp_path: Path):
    no_papers = BM25Index(tmp_path / "bm25")

    def weighed(length: int) -> float:
        text, places = "是" * length, np.arange(length)
        tokens = TokenEmbeddings(np.zeros((length, 1), np.float32), places, places + 1)
        times: list[float] = []
        for _ in range(4):
            started = time.process_time()
            assert len(set(token_weights(text, tokens, no_papers).tolist())) == 1
            times.append(time.process_time() - started)
        return min(times)

    assert weighed(1_000) < 2.5 * weighed(500)
