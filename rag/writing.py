"""Load what writes and what checks: the language model, the writer, the checker with its judge."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from footnote.rag.answering.generative import Writer
from footnote.rag.answering.second_pass import judge_by
from footnote.rag.core.config import BY_THE_MODEL, Config
from footnote.rag.index.index import Index
from footnote.rag.llm.load import load_model
from footnote.rag.llm.local_server import bundled_model
from footnote.rag.llm.meter import Price
from footnote.rag.llm.port import Model
from footnote.rag.llm.prompts import load_prompts
from footnote.rag.llm.stored import Replies, Stored
from footnote.rag.llm.turns import InTurn
from footnote.rag.verification.checker import Checker
from footnote.rag.verification.judges import Judgement, load_judge

# An index that has changed is opened anew; the judge is not.
_judge = cache(load_judge)


def load_writing_model(config: Config, *, remembers: bool = True) -> Model | None:
    """Load the language model of the settings; None when there is none.

    Args:
        config: The settings.
        remembers: False where it is asked anew whatever it said before.

    Raises:
        ConfigError: It cannot be loaded.
    """
    llm = config.llm
    if llm.backend == "none":
        return None
    model = load_model(
        llm.backend,
        model=llm.model,
        base_url=llm.base_url,
        api_key=llm.api_key,
        context_window=llm.context_window,
        max_tokens=llm.max_tokens,
        temperature=llm.temperature,
        strong=llm.profile == "strong",
        arguments=llm.arguments,
    )
    asked = InTurn(model, llm.parallel)
    if not remembers or not llm.cache or not _says_the_same(config):
        return asked
    folder = config.index if llm.cache is True else llm.cache
    return Stored(asked, Replies(folder), _settings_of(config))


def _says_the_same(config: Config) -> bool:
    """Return True if the model is to give the same answer each time."""
    llm = config.llm
    # Our own temperature is not what a class named by its import path is made with.
    own = None if ":" in llm.backend else llm.temperature
    return llm.arguments.get("temperature", own) == 0


def _settings_of(config: Config) -> str:
    """Write all that decides what a model says to the same messages."""
    llm = config.llm
    file = Path(llm.model) if llm.model else bundled_model()
    is_local = llm.backend == "llama.cpp" and file is not None and file.is_file()
    made = [file.stat().st_size, file.stat().st_mtime_ns] if is_local and file else []
    said = [llm.backend, llm.model, llm.base_url, llm.arguments, *made]
    return json.dumps(said, default=repr, sort_keys=True)


def open_writer(config: Config, checker: Checker, model: Model) -> Writer:
    """Make what has a model write answers, and checks them.

    Raises:
        ConfigError: A prompt is wrong.
        VerifierError: The judge cannot be loaded.
    """
    llm = config.llm
    if llm.judge not in ("", BY_THE_MODEL):  # here, and not in the middle of an answer
        _judge(llm.judge)
    return Writer(
        model,
        checker,
        load_prompts(llm.prompts, llm.profile),
        papers=llm.papers if llm.profile == "strong" else config.answering.papers,
        timeout_s=llm.timeout_s,
        max_tokens=None if llm.max_tokens == "auto" else llm.max_tokens,
        price=Price(llm.price_in, llm.price_out),
        judges_itself=llm.judge == BY_THE_MODEL,
    )


def open_checker(config: Config, index: Index, model: Model | None = None) -> Checker:
    """Make what checks statements against the sentences they rest on.

    Its judge is loaded when it is first asked: a search needs none.

    Args:
        config: The settings.
        index: Its words tell how much of a statement a sentence says.
        model: The language model, which is the judge where the settings say so.
    """
    llm = config.llm

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        return _judge(llm.judge)(pairs)

    if llm.judge == BY_THE_MODEL:
        own = judge_by(model, timeout_s=llm.timeout_s) if model else None
        return Checker(index.bm25, own, llm.judge_threshold)
    return Checker(index.bm25, judge if llm.judge else None, llm.judge_threshold)
