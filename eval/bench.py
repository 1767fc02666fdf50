"""Measure speed and size beside LlamaIndex's starter in one run, as `footnote bench` does.

Each system is measured in a process of its own, one after the other, over the same papers and
questions. The embedder is loaded before the clock starts.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from footnote.eval.baselines import StockRetriever, load_stock_embedder
from footnote.eval.timing import apart, bytes_by_part, peak_memory_mb
from footnote.ingest import pipeline
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.ingest.sources import find_files, read_source
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.base import Record
from footnote.rag.core.config import Config
from footnote.rag.core.errors import SourceError
from footnote.rag.core.processor import tune_process
from footnote.rag.core.records import Paper
from footnote.rag.index.writer import Progress, unwatched

SAMPLE = Path(pipeline.__file__).parent / "sample"
_DEPTH = 10


class Figures(Record):
    """What one system took."""

    ingest_papers_per_s: float
    retrieve_ms_p50: float
    retrieve_ms_p95: float
    ask_ms_p50: float
    """For the starter without its language model's own time."""
    ask_ms_p95: float
    index_bytes_per_paper: float
    peak_memory_mb: float | None
    bytes_per_paper_by_part: dict[str, float]


class Bench(Record):
    """Both systems over the same papers, and how they compare."""

    n_papers: int
    n_questions: int
    footnote: Figures
    stock: Figures
    ratios: dict[str, float]
    """Footnote's figure over the starter's, by name."""


def bench(
    config: Config,
    paths: Sequence[Path],
    *,
    max_papers: int | None,
    n_questions: int,
    on_progress: Progress,
) -> Bench:
    """Measure Footnote and LlamaIndex's starter on papers, without touching the index at hand.

    Args:
        config: Settings of Footnote; the starter takes its embedder and nothing else.
        paths: Files and folders of any format that can be taken in.
        max_papers: How many papers at most; None for all.
        n_questions: Questions asked, each after another paper's title.
        on_progress: Told which system is measured.

    Raises:
        SourceError: The paths hold no paper.
    """
    papers = _papers(paths, max_papers)
    if not papers:
        raise SourceError(f"no paper to measure with in {', '.join(map(str, paths))}")
    step = max(1, len(papers) // n_questions)
    questions = [f"What is {paper.title}?" for paper in papers[::step][:n_questions]]
    settings = config.model_dump(mode="json")
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder:
        file = Path(folder) / "papers.jsonl"
        rows = ({"title": p.original_title, "abstract": p.original_abstract} for p in papers)
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        figures: list[Figures] = []
        for number, measure in enumerate((_measure_footnote, _measure_stock)):
            on_progress("measuring", number, 2)
            figures.append(_sized(apart(measure, settings, file, questions)))
        on_progress("measuring", 2, 2)
    return Bench(
        n_papers=len(papers),
        n_questions=len(questions),
        footnote=figures[0],
        stock=figures[1],
        ratios=_ratios(*figures),
    )


def _papers(paths: Sequence[Path], at_most: int | None) -> list[Paper]:
    found: dict[str, Paper] = {}
    for record in _records(paths):
        if at_most is not None and len(found) == at_most:
            break
        try:
            paper = to_paper(record)
        except ValueError:
            continue  # nothing is left of it once cleaned
        found.setdefault(paper.paper_id, paper)
    return list(found.values())


def _records(paths: Sequence[Path]) -> Iterator[SourceRecord]:
    for file, source in find_files(paths):
        for item in read_source(file, source):
            if isinstance(item, SourceRecord):
                yield item


class _Timed(NamedTuple):
    n_papers: int
    ingest_s: float
    retrieve_ms: np.ndarray
    ask_ms: np.ndarray
    peak_memory_mb: float | None
    folder: Path


def _measure_footnote(settings: dict[str, Any], file: Path, questions: list[str]) -> _Timed:
    folder = file.parent / "footnote"
    config = Config.model_validate(settings | {"index": folder})
    index = open_index(config, create=True)
    index.embedder.embed(["The first call of a process is slower."])
    _papers([file], 1)  # as is the first paper; the starter is given all of them read
    started = time.perf_counter()
    report = pipeline.ingest([file], index, unwatched)
    seconds = time.perf_counter() - started
    assistant = open_assistant(config)
    tune_process()  # as the command line has it
    retrieve = _times_ms(lambda question: assistant.search(question, _DEPTH), questions)
    ask = _times_ms(assistant.ask, questions)
    return _Timed(report.papers, seconds, retrieve, ask, peak_memory_mb(), folder)


def _measure_stock(settings: dict[str, Any], file: Path, questions: list[str]) -> _Timed:
    embedder = load_stock_embedder(Config.model_validate(settings))
    embedder.get_text_embedding("The first call of a process is slower.")
    papers = _papers([file], None)
    started = time.perf_counter()
    retriever = StockRetriever(papers, embedder, depth=_DEPTH)
    folder = file.parent / "stock"
    retriever.save(folder)
    seconds = time.perf_counter() - started
    retrieve = _times_ms(retriever.search, questions)
    ask = _times_ms(retriever.answer, questions)
    return _Timed(len(papers), seconds, retrieve, ask, peak_memory_mb(), folder)


def _times_ms(ask: Callable[[str], object], questions: Sequence[str]) -> np.ndarray:
    ask(questions[0])  # opens files and warms caches
    times: list[float] = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        times.append((time.perf_counter() - started) * 1000)
    return np.array(times)


def _sized(timed: _Timed) -> Figures:
    """Return the figures, with the size of what is on disk once the process has ended."""
    parts = bytes_by_part(timed.folder)
    return Figures(
        ingest_papers_per_s=round(timed.n_papers / timed.ingest_s, 2),
        retrieve_ms_p50=round(float(np.percentile(timed.retrieve_ms, 50)), 2),
        retrieve_ms_p95=round(float(np.percentile(timed.retrieve_ms, 95)), 2),
        ask_ms_p50=round(float(np.percentile(timed.ask_ms, 50)), 2),
        ask_ms_p95=round(float(np.percentile(timed.ask_ms, 95)), 2),
        index_bytes_per_paper=round(sum(parts.values()) / timed.n_papers, 1),
        peak_memory_mb=timed.peak_memory_mb,
        bytes_per_paper_by_part={
            part: round(size / timed.n_papers, 1) for part, size in parts.items()
        },
    )


def _ratios(footnote: Figures, stock: Figures) -> dict[str, float]:
    ours, theirs = footnote.model_dump(), stock.model_dump()
    return {
        name: round(ours[name] / theirs[name], 3)
        for name in ours
        if isinstance(ours[name], float) and theirs[name]
    }
