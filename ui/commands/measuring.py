"""The commands that measure: answers, what readers said of them, refusals, speed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from footnote.rag.core.config import Config
from footnote.ui.commands.options import AsJson, print_json
from footnote.ui.commands.shared import ERR, OUT, counted, progress, with_settings, write_text

if TYPE_CHECKING:
    from footnote.eval.calibrate import Calibration


@with_settings
def evaluate(
    config: Config,
    dataset: Annotated[
        Path, typer.Argument(help="A file of questions, or a folder in BEIR's format.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write the report to.")],
    systems: Annotated[
        str,
        typer.Option(
            help="What to measure, commas between: footnote, hybrid-rrf, dense, bm25, stock. "
            "The pages of the report show the first."
        ),
    ] = "footnote",
    baseline: Annotated[
        Path | None,
        typer.Option(help="An earlier report.json to compare with; exit 1 on a significant drop."),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Which judgements of a BEIR folder: qrels/SPLIT.tsv.")
    ] = "test",
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Score what another system answered, a JSON object a line, and ask nothing.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure retrieval and answers on a set of judged questions."""
    from footnote.eval.evaluate import evaluate_systems, score_given
    from footnote.eval.gate import gate
    from footnote.eval.pages import table
    from footnote.eval.report import load_report

    earlier = load_report(baseline) if baseline else None
    if answers:
        reports = [score_given(config, dataset, out, answers, split=split)]
    else:
        with progress(as_json) as on_progress:
            reports = evaluate_systems(
                config,
                dataset,
                out,
                systems.split(","),
                split=split,
                on_progress=on_progress,
                on_left_out=lambda line: ERR.print(escape(f"left out {line}")),
            )
    if as_json:
        print_json({r.system: r.means for r in reports})
    else:
        OUT.print(escape("\n".join(table(reports))))
        ERR.print(escape(f"written to {out}"))
    if earlier and (drops := gate(reports[0], earlier)):
        for drop in drops:
            ERR.print(escape(drop))
        raise typer.Exit(1)


@with_settings
def feedback(
    config: Config,
    out: Annotated[
        Path | None, typer.Option(help="File to write to; else the standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what readers said of answers as a question file for `footnote eval`."""
    from footnote.rag.build import open_index
    from footnote.ui.feedback import Feedback, question_rows

    said = Feedback(config.index).said()
    rows = list(question_rows(said, open_index(config).catalogue.resolve))
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if out:
        write_text(out, text)
    if as_json:
        print_json(rows)
    elif not out:
        sys.stdout.write(text)
    ERR.print(f"{counted(len(rows), 'question')} of {counted(len(said), 'remark')}")


@with_settings
def calibrate(
    config: Config,
    n_papers: Annotated[
        int, typer.Option("--papers", min=10, max=5000, help="How many papers are asked about.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Fit the threshold of refusals to your papers, and print its risk and coverage."""
    from footnote.eval.calibrate import calibrate as run_calibrate
    from footnote.rag.build import open_assistant, open_index

    assistant, words = open_assistant(config, writes=False), open_index(config).bm25
    with progress(as_json) as on_progress:
        found = run_calibrate(assistant, words, n_papers=n_papers, on_progress=on_progress)
    if as_json:
        print_json(found)
        return
    for line in calibration_lines(found, config.answering.min_confidence):
        OUT.print(line)


def calibration_lines(found: "Calibration", now: float) -> Iterator[str]:
    """Write what thresholds would do, and how to set one.

    Args:
        found: What was measured.
        now: The threshold in force.
    """
    made, drawn = counted(found.n_questions, "question"), counted(found.n_papers, "paper")
    yield f"{made} made from {drawn}"
    yield "threshold  answered, paper here  refused, paper held out  risk of what is answered"
    rows = {point.threshold: point for point in (*found.line, found.at_threshold)}
    for threshold, point in sorted(rows.items()):
        risk = "none" if point.risk is None else f"{point.risk:.2f}"
        yield f"{threshold:9.2f} {point.coverage:21.2f} {point.refused:24.2f} {risk:>25}"
    yield (
        f"At {found.threshold:.2f}, {found.at_threshold.coverage:.0%} of the questions whose paper "
        f"is here are answered, and {found.at_threshold.refused:.0%} of the others refused. "
        "People ask harder questions than these, so a lower threshold is wiser."
    )
    yield (
        f"Nothing was changed: the threshold is {now:.2f}. To set another, write "
        "`answering: {min_confidence: NUMBER}` into your settings file."
    )


@with_settings
def bench(
    config: Config,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files of papers to measure with; else the bundled sample."),
    ] = None,
    n_papers: Annotated[
        int | None, typer.Option("--papers", min=1, help="How many papers at most.")
    ] = None,
    n_questions: Annotated[
        int, typer.Option("--questions", min=1, help="How many questions.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Measure speed and size beside LlamaIndex's starter, in one run."""
    from footnote.eval.bench import SAMPLE
    from footnote.eval.bench import bench as run_bench

    with progress(as_json) as on_progress:
        result = run_bench(
            config,
            paths or [SAMPLE],
            max_papers=n_papers,
            n_questions=n_questions,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result)
        return
    OUT.print(f"{counted(result.n_papers, 'paper')}, {counted(result.n_questions, 'question')}")
    ours, theirs = result.footnote.model_dump(), result.stock.model_dump()
    for name, ratio in result.ratios.items():
        OUT.print(f"{name:24} {ours[name]:12,.1f} {theirs[name]:12,.1f} {ratio:8.2f}")
