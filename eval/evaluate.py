"""Measure one or more systems on a set of questions, as `footnote eval` does."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from footnote.eval.baselines import STOCK, stock_retriever
from footnote.eval.datasets import Dataset, load_beir, load_questions
from footnote.eval.given import load_given
from footnote.eval.pages import write_report
from footnote.eval.report import EvalReport, make_report
from footnote.eval.run import run_dataset
from footnote.ingest.identity.keys import identity_keys
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, Retrieval
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.processor import tune_process
from footnote.rag.core.records import Paper, fingerprint
from footnote.rag.index.writer import IndexWriter, Progress
from footnote.rag.writing import open_checker

_SYSTEMS = (*get_args(Retrieval.model_fields["system"].annotation), STOCK)


def evaluate_systems(
    config: Config,
    source: Path,
    out: Path,
    systems: Sequence[str],
    *,
    split: str,
    on_progress: Progress,
    on_left_out: Callable[[str], None] = lambda _: None,
) -> list[EvalReport]:
    """Measure systems on one set of questions and write the report of the first.

    Args:
        config: Settings; each system changes only how papers are retrieved.
        source: A BEIR folder, indexed apart below `out`, or a question file for the index of the
            settings.
        out: Where the report goes, with the tables of all systems.
        systems: Names that `retrieval.system` knows, or `stock` for LlamaIndex's starter; at least
            one.
        split: Judgements of a BEIR folder to use.
        on_progress: Told how many papers are indexed and how many questions are asked.
        on_left_out: Told of each document that is left out, a line with its reason.

    Returns:
        One report a system, in order.

    Raises:
        DatasetError: A system is unknown, or the set has faults.
        IndexMissingError: A question file was named and there is no index.
    """
    if unknown := [s for s in systems if s not in _SYSTEMS]:
        raise DatasetError(
            f"no system is called {', '.join(unknown)}; choose from {', '.join(_SYSTEMS)}"
        )
    config, dataset = _prepare(config, source, out, split, on_progress)
    for line in dataset.left_out:
        on_left_out(line)
    reports: list[EvalReport] = []
    runs = []
    for system in systems:
        retrieval = config.retrieval
        if system != STOCK:
            retrieval = retrieval.model_copy(update={"system": system})
        asked = config.model_copy(update={"retrieval": retrieval})
        assistant = open_assistant(
            asked, retriever=stock_retriever(config) if system == STOCK else None
        )
        tune_process()  # as the command line has it: each question is timed
        run = run_dataset(
            assistant,
            dataset,
            lambda n, total, s=system: on_progress(s, n, total),
            judge=open_checker(asked, open_index(asked)),
        )
        runs.append(run)
        reports.append(
            make_report(
                run,
                dataset,
                system=system,
                settings=asked.model_dump_json(exclude={"index"}),
                index=config.index,
                n_papers=len(assistant.catalogue),
                corpus=assistant.catalogue.fingerprint(),
            )
        )
    write_report(out, reports[0], runs[0], reports[1:])
    return reports


def score_given(
    config: Config, source: Path, out: Path, answers: Path, *, split: str
) -> EvalReport:
    """Score what another system answered, and write its report; it is called as the file is.

    Args:
        config: Settings; of a question file, those of the index whose papers it is about.
        source: A BEIR folder or a question file.
        out: Where the report goes.
        answers: What it answered; see `load_given`.
        split: Judgements of a BEIR folder to use.

    Raises:
        DatasetError: The set or the answers have faults.
        IndexMissingError: A question file was named and there is no index.
    """
    if source.is_dir():
        papers, dataset = load_beir(source, split)
        aliases: dict[str, str] = {}
    else:
        catalogue = open_index(config).catalogue
        papers, aliases = catalogue.papers(), catalogue.aliases()
        dataset = load_questions(source, papers, aliases)
    run = load_given(answers, dataset, papers, aliases)
    report = make_report(
        run,
        dataset,
        system=answers.stem,
        settings="",
        index=out / "index",
        n_papers=len(papers),
        corpus=fingerprint(*sorted(paper.version for paper in papers)),
    )
    write_report(out, report, run)
    return report


def _prepare(
    config: Config, source: Path, out: Path, split: str, on_progress: Progress
) -> tuple[Config, Dataset]:
    if source.is_dir():
        papers, dataset = load_beir(source, split)
        config = config.model_copy(update={"index": out / "index"})
        _index(config, papers, on_progress)
        return config, dataset
    catalogue = open_index(config).catalogue
    return config, load_questions(source, catalogue.papers(), catalogue.aliases())


def _index(config: Config, papers: Sequence[Paper], on_progress: Progress) -> None:
    """Index exactly these papers, each under its own id; what is there already is kept."""
    index = open_index(config, create=True)
    writer = IndexWriter(index)
    with writer.writing():
        held = index.catalogue.get(paper.paper_id for paper in papers)
        if len(index.catalogue) != len(held):
            raise DatasetError(
                f"{config.index} holds papers of another set; name another folder with --out"
            )
        changed = [p for p in papers if held.get(p.paper_id) != p]
        index.catalogue.save(((p, identity_keys(p)) for p in changed), {})
        writer.update(on_progress)
