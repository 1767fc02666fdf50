"""Measure indexes of many papers: those of an index at hand, hidden among recombined ones.

Further papers are made of the sentences of an index whose papers are embedded already
(`footnote.eval.recombine`), and written as an ingest writes them; questions are embedded as ever.
Nothing is made of papers in which a question's answer lies. What is made lies in the folder that
`--work` names, to be measured again or deleted.

    footnote ingest ingest/sample --index real && cp -r real known
    footnote ingest MORE --index known
    python -m footnote.eval.scale 408 10000 100000 --index real --known known --work made
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from footnote.eval.datasets import JudgedQuestion, load_questions
from footnote.eval.metrics import retrieval_values
from footnote.eval.recombine import Recombined
from footnote.eval.timing import apart, bytes_by_part, memory_mb
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.base import Record
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import FootnoteError, IndexMismatchError
from footnote.rag.core.processor import tune_process
from footnote.rag.core.records import Answer
from footnote.rag.index.index import Index
from footnote.rag.index.snapshot import Snapshot
from footnote.rag.index.writer import IndexWriter, Progress, unwatched

QUESTIONS = Path(__file__).parent / "questions" / "test.jsonl"
_DEPTH = 10
_AT_ONCE = 200
# Sentences up to which all are compared, where all shall be.
_ALL = 2**62


class Asked(Record):
    """What questions took in a process that has an index open, and what they found."""

    open_s: float
    first_answer_s: float
    search_ms: tuple[float, float, float]
    """By the clock, of half of the questions at most, of 95 in a hundred, of 99."""
    search_cpu_ms: tuple[float, float, float]
    """Of a processor; other work on the machine lengthens that less."""
    ask_ms: tuple[float, float]
    """By the clock, of half of the questions at most, of 95 in a hundred."""
    memory_mb: dict[str, float]
    """After the last: held by this process alone, and mapped from files; empty but on Linux."""
    failed: tuple[str, ...]
    """Ids of questions that ended in an error."""
    ndcg_10: float
    recall_10: float
    first_ten: dict[str, tuple[str, ...]]
    """Ids of the papers found, by the id of the question."""


class Size(Record):
    """An index of so many papers."""

    n_papers: int
    n_sentences: int
    shards: int
    build_cpu_s: dict[str, float]
    """Processor time to add the made papers, by part; empty where there are none, or they were
    there."""
    build_s: float | None
    """By the clock."""
    mb_by_part: dict[str, float]
    bytes_per_paper: float
    as_set: Asked
    """As the settings have it: above `store.exact_up_to` sentences papers are found first."""
    exact: Asked | None
    """With every sentence compared; null where the settings have it so, or nobody asked."""
    same_ten: float | None
    """Share of the exact search's first ten papers that the other has among its own."""
    load: float | None
    """Of the machine over a minute, when it was measured."""


def measure(
    real: Config,
    known: Config,
    n_papers: int,
    work: Path,
    *,
    questions: Path = QUESTIONS,
    shards: int = 1,
    exact: bool = True,
    on_progress: Progress = unwatched,
) -> Size:
    """Make an index of so many papers, unless it is there, and ask it all questions.

    Args:
        real: Settings of the index whose papers are hidden; it is not changed.
        known: Settings of the index of whose papers others are made: `real`, or a copy of that into
            which more was taken in, so that the tokens of both are cut by the same projection.
        n_papers: How many; where `real` has as many or more, it is asked itself.
        work: The folder in which indexes are made.
        questions: Judged by papers of `real`.
        shards: How many a made index is spread over.
        exact: Ask all questions once more with every sentence compared, where they are not.
        on_progress: Told how far it is.

    Raises:
        DatasetError: A question is of a paper that `real` has not, or there is nothing to make
            papers of.
        IndexMismatchError: The tokens of the two indexes are cut otherwise.
    """
    papers = open_index(real).catalogue
    judged = load_questions(questions, papers.papers(), papers.aliases()).questions
    config, build_cpu_s, build_s = real, dict[str, float](), None
    if n_papers > len(papers):
        config = real.model_copy(update={"index": work / f"{n_papers}-papers-{shards}-shards"})
        if not config.index.is_dir():
            answering = {p for q in judged for p in (*q.relevant, *q.sides, *q.lists)}
            _check_alike(open_index(real), open_index(known))
            made = Recombined(open_index(known), without=answering)
            started = time.perf_counter()
            build_cpu_s = _build(real, config, made, n_papers, shards, on_progress)
            build_s = round(time.perf_counter() - started, 1)
    index = open_index(config)
    n_sentences, load = len(index.snapshot().dense), _load()
    as_set = apart(_ask, config.model_dump(mode="json"), judged)
    compared = None
    if exact and n_sentences > config.store.exact_up_to:
        store = config.store.model_copy(update={"exact_up_to": _ALL})
        settings = config.model_copy(update={"store": store}).model_dump(mode="json")
        compared = apart(_ask, settings, judged)
    sizes = bytes_by_part(config.index)
    return Size(
        n_papers=len(index.catalogue),
        n_sentences=n_sentences,
        shards=index.snapshot().card.shards,
        build_cpu_s={part: round(seconds, 1) for part, seconds in build_cpu_s.items()},
        build_s=build_s,
        mb_by_part={part: round(size / 1e6, 1) for part, size in sizes.items()},
        bytes_per_paper=round(sum(sizes.values()) / len(index.catalogue), 1),
        as_set=as_set,
        exact=compared,
        same_ten=_same(as_set, compared) if compared else None,
        load=load,
    )


def _check_alike(real: Index, known: Index) -> None:
    if not real.multivector.is_cut_like(known.multivector):
        raise IndexMismatchError(
            f"the tokens of index {known.folder} are cut otherwise than those of {real.folder}",
            "copy the second, and take further papers into the copy",
        )


def _build(
    real: Config,
    config: Config,
    made: Recombined,
    n_papers: int,
    shards: int,
    on_progress: Progress,
) -> dict[str, float]:
    """Copy an index, and add made papers to the copy; returns the processor time, by part."""
    draft = config.index.with_name(f"{config.index.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(real.index, draft)
    index = open_index(config.model_copy(update={"index": draft}))
    if index.snapshot().card.shards != shards:
        _spread(index, shards)
    writer = IndexWriter(index)
    started = time.process_time()
    with writer.writing():
        made.save(index.catalogue, range(n_papers - len(index.catalogue)), on_progress)
        # The first few are embedded by the writer, and are as like as any.
        writer.update(on_progress, elsewhere=made)
    whole = time.process_time() - started
    draft.rename(config.index)
    # The first 64 embedded, checksums, what is counted at the end.
    return {**made.seconds, "rest": whole - sum(made.seconds.values())}


def _spread(index: Index, shards: int) -> None:
    """Spread what is derived over so many shards, as it is."""
    old, last = index.snapshot(), ""
    new = Snapshot.make(
        index.snapshots / f"of-{shards}", old.card.model_copy(update={"shards": shards})
    )
    while papers := index.catalogue.served_after(last, _AT_ONCE):
        new.copy(old, papers)
        last = papers[-1].paper_id
    new.seal()
    index.catalogue.switch(new.name)


def _ask(settings: dict[str, Any], questions: Sequence[JudgedQuestion]) -> Asked:
    """Open an index and ask it all questions, one after the other."""
    started = time.perf_counter()
    assistant = open_assistant(Config.model_validate(settings), writes=False)
    opened = time.perf_counter()
    assistant.ask("What is the first question?")
    answered = time.perf_counter()
    tune_process()  # as the command line has it
    search, cpu, ask = list[float](), list[float](), list[float]()
    found: dict[str, tuple[str, ...]] = {}
    failed: list[str] = []
    for each in questions:
        try:
            turns: list[Answer] = []
            for line in each.history:  # before the clock starts
                turns.append(assistant.ask(line, turns))
            begun, worked = time.perf_counter(), time.process_time()
            hits = assistant.search(each.question, _DEPTH, turns)
            cpu.append((time.process_time() - worked) * 1000)
            searched = time.perf_counter()
            assistant.ask(each.question, turns)
            ask.append((time.perf_counter() - searched) * 1000)
            search.append((searched - begun) * 1000)
            found[each.id] = tuple(hit.paper.paper_id for hit in hits)
        except FootnoteError:
            failed.append(each.id)
    relevant = {each.id: each.relevant for each in questions if each.relevant}
    ranked = {id_: [(paper_id, 0.0) for paper_id in ids] for id_, ids in found.items()}
    values = retrieval_values(ranked, relevant)
    return Asked(
        open_s=round(opened - started, 2),
        first_answer_s=round(answered - opened, 2),
        search_ms=_percentiles(search, 50, 95, 99),
        search_cpu_ms=_percentiles(cpu, 50, 95, 99),
        ask_ms=_percentiles(ask, 50, 95),
        memory_mb=memory_mb(),
        failed=tuple(failed),
        ndcg_10=round(float(np.mean(list(values["nDCG@10"].values()))), 4),
        recall_10=round(float(np.mean(list(values["R@10"].values()))), 4),
        first_ten=found,
    )


def _percentiles(values: Sequence[float], *at: float) -> tuple[Any, ...]:
    return tuple(round(float(each), 1) for each in np.percentile(values, at))


def _same(found: Asked, exact: Asked) -> float:
    shares = [
        len(set(ids) & set(found.first_ten.get(question, ()))) / len(ids)
        for question, ids in exact.first_ten.items()
        if ids
    ]
    return round(float(np.mean(shares)), 4)


def _load() -> float | None:
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def _say(phase: str, done: int, total: int | None) -> None:
    sys.stderr.write(f"\r{phase} {done:,} of {total or 0:,}   ")
    sys.stderr.flush()


def main() -> None:
    """Measure the sizes that are asked for, and print them as JSON, a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("papers", type=int, nargs="+", help="how many papers; several in turn")
    parser.add_argument("--index", type=Path, required=True, help="whose papers are hidden")
    parser.add_argument("--known", type=Path, help="of whose papers others are made; the same")
    parser.add_argument("--work", type=Path, required=True, help="where indexes are made")
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--no-exact", action="store_true", help="do not compare all sentences too")
    asked = parser.parse_args()
    real, known = (
        load_config(index=folder) for folder in (asked.index, asked.known or asked.index)
    )
    try:
        for n_papers in asked.papers:
            size = measure(
                real,
                known,
                n_papers,
                asked.work,
                questions=asked.questions,
                shards=asked.shards,
                exact=not asked.no_exact,
                on_progress=_say,
            )
            lists = {"as_set": {"first_ten"}, "exact": {"first_ten"}}
            sys.stdout.write(f"{size.model_dump_json(exclude=lists)}\n")
            sys.stdout.flush()
    except FootnoteError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
