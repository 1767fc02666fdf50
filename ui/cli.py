"""The command line: one door to everything, for people and, with `--json`, for programs."""

import inspect
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from typer.exceptions import TyperException

from rag.config import Config, load_config
from rag.errors import FootnoteError

if TYPE_CHECKING:
    from rag.generate import Event
    from rag.index import Index
    from rag.index import Progress as OnProgress
    from rag.schema import Answer

# `eval` is a function of Python's.
_NAMES = {"evaluate": "eval"}
# What a shell expects of a program that was interrupted: 128 + SIGINT.
_INTERRUPTED = 130

app = typer.Typer(
    name="footnote",
    help="Ask a pile of papers a question; every sentence of the answer carries its source.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# Quotes are shown as they are: no emoji for `:fire:`.
_out = Console(highlight=False, emoji=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Question = Annotated[list[str], typer.Argument(help="The question, quoted or not.")]


def _shared_options(
    config: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
    index: Annotated[Path | None, typer.Option(help="Index folder.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """The options that every command has; `command` adds them."""


def main() -> NoReturn:
    """Run the command line; the entry point of `footnote`."""
    debug = "--debug" in sys.argv
    # Read when numpy is loaded. Its threads and torch's would wait for each other, turn by turn:
    # a question then takes up to three times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if not debug:
        _quieten()
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
        if code == _INTERRUPTED:  # typer turns an interrupt into its exit code, and says nothing
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except TyperException as error:
        _fail(f"{error.format_message()} See `footnote --help`.", code=2)
    except FootnoteError as error:
        if debug:
            raise
        _fail(str(error), code=1)
    except BrokenPipeError:  # `footnote papers | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; the same command goes on from here", code=_INTERRUPTED)
    except Exception as error:  # the outer edge: a fault of ours, said in one line
        if debug:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"unexpected fault: {reason[:300]}; run it again with --debug and report it", code=1)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command that is given the settings first.

    Each takes `--config`, `--index` and `--debug` in addition to options of its own.
    """
    own = list(inspect.signature(function).parameters.values())[1:]

    @wraps(function)
    def run(*, config: Path | None, index: Path | None, debug: bool, **options: object) -> None:
        del debug  # `main` reads it: it has to know before any option is parsed
        function(load_config(config, index=index), **options)

    shared = inspect.signature(_shared_options).parameters.values()
    options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *shared]]
    run.__signature__ = inspect.Signature(options)  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {p.name: p.annotation for p in options}
    return app.command(_NAMES.get(function.__name__))(run)


@command
def ingest(
    config: Config,
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders of files, - for the standard input, or what to fetch: "
            "arxiv:2309.06180, 'arxiv:cat:cs.DC 2025-01-01..2025-01-07', hf:2025-01-01..2025-01-07."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Take in papers from any place; running it again changes nothing."""
    from rag.lock import check_free

    check_free(config.index)  # before the libraries are loaded, which takes seconds
    from ingest.pipeline import ingest as run_ingest
    from rag.build import open_index

    index = open_index(config, create=True)
    with _progress(as_json) as on_progress:
        report = run_ingest(paths, index, on_progress, config.sources)
    if as_json:
        _print_json(report)
        return
    _out.print(
        f"{report.records:,} records, {report.papers:,} papers: {report.added:,} added, "
        f"{report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{report.refused_count + report.refused_sources:,} refused, in {report.seconds:.1f} s"
    )
    for refusal in report.refused:
        where = f"{refusal.source}: {refusal.record}" if refusal.record else refusal.source
        _err.print(escape(f"refused {where}: {refusal.reason}"))
    for reason, n_more in report.refused_further.items():
        _err.print(escape(f"refused {n_more:,} more: {reason}"))


@command
def papers(
    config: Config,
    as_json: AsJson = False,
    full: Annotated[
        bool, typer.Option("--full", help="Everything known of each paper, its abstract too.")
    ] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="ID", help="Show which records are this paper, and why.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Make the records of this paper separate papers for good."),
    ] = None,
) -> None:
    """List the papers of the catalogue by title."""
    from rag.build import open_index
    from ui.render import paper_row

    index = open_index(config)
    if split:
        _split(index, split, as_json)
        return
    if explain:
        _explain(index, explain, as_json)
        return
    listed = index.catalogue.papers()
    if as_json:
        _print_json([p.model_dump(mode="json") if full else paper_row(p) for p in listed])
        return
    for paper in listed:
        _out.print(escape(f"{paper.date or '          '}  {paper.title}"))
        if full:
            _out.print(escape(f"            {paper.abstract}\n"))
    _err.print(f"{len(listed):,} papers")


def _split(index: "Index", paper_id: str, as_json: bool) -> None:
    from ingest.works import split_paper
    from ui.render import paper_row

    with _progress(as_json) as on_progress:
        apart = split_paper(index, paper_id, on_progress)
    if as_json:
        _print_json([paper_row(paper) for paper in apart])
        return
    for paper in apart:
        _out.print(escape(f"{paper.paper_id}  {paper.title}"))


def _explain(index: "Index", paper_id: str, as_json: bool) -> None:
    from ingest.works import explain
    from ui.render import explanation_lines

    explanation = explain(index.catalogue, paper_id)
    if as_json:
        _print_json(explanation)
        return
    _out.print(escape("\n".join(explanation_lines(explanation))))


@command
def search(
    config: Config,
    question: Question,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Papers at most.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Find papers, without answering."""
    from rag.build import open_assistant
    from ui.render import hit_rows

    rows = hit_rows(open_assistant(config, writes=False).search(" ".join(question), k))
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        _out.print(f"[bold]{row['rank']}. {escape(str(row['title']))}[/] ({row['score']:.2f})")
        _out.print(f"   {escape(str(row['passage']))}\n")


@command
def ask(config: Config, question: Question, as_json: AsJson = False) -> None:
    """Answer a question, every sentence with its source."""
    from rag.build import open_assistant
    from ui.render import source_text, writing_note

    assistant = open_assistant(config)
    if as_json:
        _print_json(assistant.ask(" ".join(question)))
        return
    answer = _told(assistant.ask_stream(" ".join(question)))
    if note := writing_note(answer):
        _err.print(escape(note))
    if answer.mode == "quote":
        _out.print(escape(answer.answer))
    if answer.sources:
        _out.print()
    for source in answer.sources:
        _out.print(escape(source_text(source)))


@command
def evaluate(
    config: Config,
    dataset: Annotated[Path, typer.Argument(help="A BEIR folder, or a question file.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")],
    systems: Annotated[
        str, typer.Option(help="Systems, comma between; the first is reported.")
    ] = "footnote",
    baseline: Annotated[
        Path | None, typer.Option(help="An earlier report.json; exit 1 on a significant drop.")
    ] = None,
    split: Annotated[str, typer.Option(help="Judgements of a BEIR folder to use.")] = "test",
    as_json: AsJson = False,
) -> None:
    """Measure retrieval and answers on a set of judged questions."""
    from eval.evaluate import evaluate_systems, gate
    from eval.report import load_report, table

    earlier = load_report(baseline) if baseline else None
    with _progress(as_json) as on_progress:
        reports = evaluate_systems(
            config,
            dataset,
            out,
            systems.split(","),
            split=split,
            on_progress=on_progress,
            on_left_out=lambda line: _err.print(escape(f"left out {line}")),
        )
    if as_json:
        _print_json({r.system: r.means for r in reports})
    else:
        _out.print(escape("\n".join(table(reports))))
        _err.print(escape(f"written to {out}"))
    if earlier and (drops := gate(reports[0], earlier)):
        for drop in drops:
            _err.print(escape(drop))
        raise typer.Exit(1)


@command
def bench(
    config: Config,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Papers to measure with; the sample without any.")
    ] = None,
    n_papers: Annotated[
        int | None, typer.Option("--papers", min=1, help="How many of them at most.")
    ] = None,
    n_questions: Annotated[int, typer.Option("--questions", min=1, help="Questions asked.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Measure speed and size beside LlamaIndex's starter, in one run."""
    from eval.bench import SAMPLE
    from eval.bench import bench as run_bench

    with _progress(as_json) as on_progress:
        result = run_bench(
            config,
            paths or [SAMPLE],
            max_papers=n_papers,
            n_questions=n_questions,
            on_progress=on_progress,
        )
    if as_json:
        _print_json(result)
        return
    _out.print(f"{result.n_papers:,} papers, {result.n_questions:,} questions")
    ours, theirs = result.footnote.model_dump(), result.stock.model_dump()
    for name, ratio in result.ratios.items():
        _out.print(f"{name:24} {ours[name]:12,.1f} {theirs[name]:12,.1f} {ratio:8.2f}")


@command
def serve(
    config: Config,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
) -> None:
    """Serve the chat until interrupted."""
    from rag.build import open_assistant
    from ui.web import serve as run

    with _err.status("Loading the index"):
        assistant = open_assistant(config)
    run(assistant, host=host or config.web.host, port=config.web.port if port is None else port)


@command
def doctor(config: Config, as_json: AsJson = False) -> None:
    """Check the index against the catalogue, and call the model; exit 1 when something is wrong."""
    from rag.build import load_writing_model, open_index
    from rag.generate import problem_of

    problems = open_index(config).problems()
    model = load_writing_model(config)
    if model and (problem := problem_of(model, timeout_s=config.llm.timeout_s)):
        problems.append(problem)
    if as_json:
        _print_json({"ok": not problems, "problems": problems})
    else:
        _out.print(escape("\n".join(problems)) if problems else "all is well")
    if problems:
        raise typer.Exit(1)


@command
def rebuild(config: Config, as_json: AsJson = False) -> None:
    """Derive the index anew from the catalogue, with the settings in force."""
    from rag.build import open_index

    index = open_index(config)
    with index.holding(), _progress(as_json) as on_progress:
        index.rebuild(on_progress)
    problems = index.problems()
    if as_json:
        _print_json({"ok": not problems, "problems": problems})
    elif problems:
        _err.print(escape("\n".join(problems)))
    else:
        _out.print(f"rebuilt {len(index.catalogue):,} papers")
    if problems:
        raise typer.Exit(1)


@command
def adapt(
    config: Config,
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the embedder as it comes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tune the embedder on the papers; taken in only if it finds more of what it never saw."""
    from rag.adapt import adapt as run_adapt
    from ui.render import trial_line

    if undo:
        _undo_adapting(config, as_json)
        return
    try:
        with _progress(as_json) as on_progress:
            trial = run_adapt(config, on_progress)
    except KeyboardInterrupt:  # unlike others, it does not go on from here
        _fail("interrupted; the index is as it was", code=_INTERRUPTED)
    if as_json:
        _print_json({"adapted": trial.is_won, "trial": trial})
    else:
        _out.print(trial_line(trial))
    if not trial.is_won:
        raise typer.Exit(1)


def _undo_adapting(config: Config, as_json: bool) -> None:
    from rag.adapt import undo

    with _progress(as_json) as on_progress:
        undone = undo(config, on_progress)
    if as_json:
        _print_json({"undone": undone})
    else:
        _out.print("the embedder is as it comes" + ("" if undone else "; it was not adapted"))


@command
def remove(
    config: Config,
    papers: Annotated[list[str], typer.Argument(help="Ids of papers, or their titles.")],
    as_json: AsJson = False,
) -> None:
    """Take papers out of everything; taking in their source again brings them back."""
    from rag.build import open_index

    index = open_index(config)
    with index.writing():
        named = index.named(papers)
        index.remove([paper.paper_id for paper in named])
    if as_json:
        _print_json({"removed": [{"paper_id": p.paper_id, "title": p.title} for p in named]})
        return
    for paper in named:
        _out.print(escape(f"removed {paper.title}"))


class _RateColumn(ProgressColumn):
    """How many a second, or a minute where they are slow."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        if not rate:
            return Text("")
        return Text(f"{rate:,.0f}/s" if rate >= 1 else f"{rate * 60:,.0f}/min")


def _told(events: "Generator[Event]") -> "Answer":
    """Print each sentence when it has stood the check; returns the answer."""
    from rag.schema import Answer, Sentence
    from ui.render import sentence_text

    answer: Answer | None = None
    told = False
    with closing(events), _err.status("Reading") as status:
        for event in events:
            if isinstance(event, Answer):
                answer = event
            elif isinstance(event, Sentence):
                status.stop()  # it draws over the line that the sentence stands on
                told = True
                _out.print(sentence_text(event), end=" ", markup=False)
            else:
                status.update(escape(event.text))
    if told:
        _out.print()
    if answer is None:
        raise RuntimeError("a question without an answer")
    return answer


@contextmanager
def _progress(as_json: bool) -> "Generator[OnProgress]":
    """A bar on stderr, only where a person watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _RateColumn())
    bar = Progress(
        *columns, TimeRemainingColumn(), console=_err, disable=as_json or not _err.is_terminal
    )
    tasks: dict[str, Any] = {}

    def on_progress(phase: str, done: int, total: int | None) -> None:
        if phase not in tasks:
            tasks[phase] = bar.add_task(phase.capitalize(), total=None)
        bar.update(tasks[phase], completed=done, total=total)

    with bar:
        yield on_progress


def _print_json(value: object) -> None:
    def plain(item: object) -> object:
        return item.model_dump(mode="json") if isinstance(item, BaseModel) else str(item)

    sys.stdout.write(json.dumps(value, default=plain, ensure_ascii=False, indent=2) + "\n")


def _fail(message: str, *, code: int) -> NoReturn:
    sys.stderr.write(f"footnote: {' '.join(message.split())}\n")
    sys.exit(code)


def _quieten() -> None:
    """Keep the libraries' own chatter out of answers and errors."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


if __name__ == "__main__":
    main()
