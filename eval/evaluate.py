"""What `footnote eval` does: a set of questions, one or more systems, a report, a gate."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from footnote.eval.baselines import STOCK, stock_finder
from footnote.eval.datasets import Dataset, load_beir, load_questions
from footnote.eval.metrics import RETRIEVAL
from footnote.eval.report import ANSWERING, Report, differences, fallen, make_report, write_report
from footnote.eval.run import run_dataset
from footnote.ingest.identity.merge import identity_keys
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, Retrieval
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Paper
from footnote.rag.index.index import Progress
from footnote.rag.index.processor import ready_for_questions
from footnote.rag.verification.verifier import Verifier

_SYSTEMS = (*get_args(Retrieval.model_fields["system"].annotation), STOCK)
_SHOWN_FALLS = 10


def evaluate_systems(
    config: Config,
    source: Path,
    out: Path,
    systems: Sequence[str],
    *,
    split: str,
    on_progress: Progress,
) -> list[Report]:
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
    reports: list[Report] = []
    runs = []
    for system in systems:
        retrieval = config.retrieval
        if system != STOCK:
            retrieval = retrieval.model_copy(update={"system": system})
        asked = config.model_copy(update={"retrieval": retrieval})
        assistant = open_assistant(asked, finder=stock_finder(config) if system == STOCK else None)
        ready_for_questions()  # as the command line has it: each question is timed
        run = run_dataset(
            assistant,
            dataset,
            lambda n, total, s=system: on_progress(s, n, total),
            judge=Verifier(open_index(asked).words),
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
            )
        )
    write_report(out, reports[0], runs[0], dataset, reports[1:])
    return reports


def gate(new: Report, old: Report) -> list[str]:
    """What fell significantly since an earlier report, a line each with its questions."""
    found = differences(new, old)
    lines: list[str] = []
    for name in (*RETRIEVAL, *ANSWERING):
        if name in found and found[name].is_drop:
            worse = fallen(new, old, name)
            shown = ", ".join(worse[:_SHOWN_FALLS])
            more = f" and {len(worse) - _SHOWN_FALLS} more" if len(worse) > _SHOWN_FALLS else ""
            lines.append(
                f"{name} fell by {-found[name].difference:.3f} (p = {found[name].p:.3f}) "
                f"on {shown}{more}"
            )
    return lines


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
    with index.writing():
        held = index.catalogue.get(paper.paper_id for paper in papers)
        if len(index.catalogue) != len(held):
            raise DatasetError(
                f"{config.index} holds papers of another set; name another folder with --out"
            )
        changed = [p for p in papers if held.get(p.paper_id) != p]
        index.catalogue.save(((p, identity_keys(p)) for p in changed), {})
        index.update(on_progress)
