"""Run the commands: for people and, with `--json`, for programs."""

import inspect
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from functools import partial, wraps
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
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

from footnote.export.names import Form, PapersForm
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import FootnoteError
from footnote.ui import cli_setup, cli_watch
from footnote.ui.options import (
    AsJson,
    Author,
    Obsidian,
    Organisation,
    Port,
    Question,
    Replace,
    ReportsNumber,
    SeenIn,
    Since,
    Until,
    Withdrawn,
    print_json,
    read_filters,
    read_form,
)

if TYPE_CHECKING:
    from footnote.export.obsidian import NoteFile
    from footnote.ingest.pipeline import IngestReport
    from footnote.ingest.ray_engine import RayEngine
    from footnote.rag.answering.generative import Event
    from footnote.rag.core.records import Answer
    from footnote.rag.index.index import Index
    from footnote.rag.index.writer import Progress as OnProgress

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


@app.callback()
def _shared_options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings file; else $FOOTNOTE_CONFIG, else ./config.yaml.")
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Folder of the index; else $FOOTNOTE_INDEX, else ./.footnote/index."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Keep what stands before the command's name; `command` adds the same options after it."""
    del debug  # `main` reads it: it has to know before any option is parsed
    context.obj = (config, index)


def main() -> NoReturn:
    """Run the command line; the entry point of `footnote`."""
    debug = "--debug" in sys.argv
    # Read when numpy is loaded. Its threads and torch's would wait for each other, turn by turn:
    # a question then takes up to three times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform == "win32":  # what is piped has the system's own signs there, and no `×`
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(encoding="utf-8")
    if not debug:
        _quieten()
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="footnote", standalone_mode=False)
        if code == _INTERRUPTED:  # typer turns an interrupt into its exit code, and says nothing
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except TyperException as error:
        _fail(f"{error.format_message().rstrip('.')}; see `footnote --help`", code=2)
    except FootnoteError as error:
        if debug:
            raise
        _fail(str(error), code=1)
    except BrokenPipeError:  # `footnote papers | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; run the same command again to go on", code=_INTERRUPTED)
    except Exception as error:  # the outer edge: a fault of ours, said in one line
        if debug:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"unexpected fault: {reason[:300]}; run it again with --debug and report it", code=1)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command that is given the settings first."""
    return app.command(_NAMES.get(function.__name__))(_with_settings(function))


def _with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the settings first.

    Each takes `--config`, `--index` and `--debug` in addition to options of its own; they count
    more than those before its name.
    """
    own = list(inspect.signature(function).parameters.values())[1:]

    @wraps(function)
    def run(
        *,
        context: typer.Context,
        config: Path | None,
        index: Path | None,
        debug: bool,
        **options: object,
    ) -> None:
        del debug
        earlier_config, earlier_index = context.obj
        context.obj = config, index = config or earlier_config, index or earlier_index
        if not context.invoked_subcommand:  # that runs next, with these
            function(load_config(config, index=index), **options)

    shared = inspect.signature(_shared_options).parameters.values()
    options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *shared]]
    run.__signature__ = inspect.Signature(options)  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {p.name: p.annotation for p in options}
    return run


@command
def ingest(
    config: Config,
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders of them, - for the standard input, or what to fetch: "
            "arxiv:2309.06180, 'arxiv:cat:cs.DC 2025-01-01..2025-01-07', "
            "hf:2025-01-01..2025-01-07, zotero:, zotero:collection:NAME, zotero:tag:NAME."
        ),
    ],
    watched: Annotated[
        bool,
        typer.Option(
            "--watch", help="Go on taking in what changes there, and ask the standing questions."
        ),
    ] = False,
    every_h: Annotated[
        float | None,
        typer.Option(
            "--every",
            metavar="HOURS",
            min=0.01,
            help="With --watch, how often services are asked; else `sources.fresh_h`, 12.",
        ),
    ] = None,
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(
            help="Read and embed files on a Ray cluster, that of RAY_ADDRESS or one on this "
            "machine; needs footnote-papers[ray]."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take in papers, from files or services; again changes nothing."""
    from footnote.rag.index.lock import check_free

    if watched and engine:
        _fail("--engine and --watch do not go together; leave one out", code=2)
    check_free(config.index)  # before the libraries are loaded, which takes seconds
    if watched:
        every_s = 3_600 * (every_h or max(config.sources.fresh_h, 0.01))
        cli_watch.keep_taking_in(config, paths, every_s, _say_ingested, as_json=as_json)
        return
    _take_in(config, paths, on_ray=bool(engine), as_json=as_json)


def _take_in(
    config: Config, paths: Sequence[str], *, on_ray: bool = False, as_json: bool = False
) -> None:
    from footnote.ingest.pipeline import ingest as run_ingest
    from footnote.rag.build import open_index

    with _ray(config) if on_ray else nullcontext() as engine:
        index = open_index(config, create=True)
        with _progress(as_json) as on_progress:
            report = run_ingest(paths, index, on_progress, config.sources, engine)
    if as_json:
        print_json(report)
    else:
        _say_ingested(report)


def _ray(config: Config) -> AbstractContextManager["RayEngine"]:
    from footnote.ingest.ray_engine import ray_engine
    from footnote.rag.build import embedder_loader

    return ray_engine(config.index, embedder_loader(config))


def _say_ingested(report: "IngestReport") -> None:
    _out.print(
        f"{report.records:,} records, {report.papers:,} papers: {report.added:,} added, "
        f"{report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{report.refused_count + report.refused_sources:,} refused, in {report.seconds:.1f} s"
    )
    _say_restored(report.restored)
    for refusal in report.refused:
        where = f"{refusal.source}: {refusal.record}" if refusal.record else refusal.source
        _err.print(escape(f"refused {where}: {refusal.reason}"))
    for reason, n_more in report.refused_further.items():
        _err.print(escape(f"refused {n_more:,} more: {reason}"))


@command
def papers(
    config: Config,
    as_json: AsJson = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            help=f"Print them as {', '.join(PapersForm)} or as a plugin writes them.",
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Print all that is known of each paper, with its abstract."),
    ] = False,
    obsidian: Obsidian = None,
    explain: Annotated[
        str | None, typer.Option(metavar="ID", help="Show which records are this paper, and why.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Make the records of this paper separate papers for good."),
    ] = None,
) -> None:
    """List the papers of the catalogue by title; with --format by id."""
    form = read_form(form, PapersForm, as_json=as_json)
    from footnote.rag.build import open_index
    from footnote.ui.render import paper_row

    index = open_index(config)
    if obsidian:
        from footnote.export.obsidian import paper_note

        _write_notes(map(paper_note, index.catalogue.each_paper()), obsidian, as_json)
        return
    if form:
        from footnote.export.forms import export_papers

        for piece in export_papers(index.catalogue.each_paper(), form):
            sys.stdout.write(piece)
        return
    if split:
        _split(index, split, as_json)
        return
    if explain:
        _explain(index, explain, as_json)
        return
    listed = index.catalogue.papers()
    if as_json:
        print_json([p.model_dump(mode="json") if full else paper_row(p) for p in listed])
        return
    for paper in listed:
        _out.print(escape(f"{paper.date or ''!s:10}  {paper.title}"))
        if full:
            _out.print(escape(f"            {paper.abstract}\n"))
    _err.print(f"{len(listed):,} papers")


def _split(index: "Index", paper_id: str, as_json: bool) -> None:
    from footnote.ingest.identity.explain import split_paper
    from footnote.ui.render import paper_row

    with _progress(as_json) as on_progress:
        apart = split_paper(index, paper_id, on_progress)
    if as_json:
        print_json([paper_row(paper) for paper in apart])
        return
    for paper in apart:
        _out.print(escape(f"{paper.paper_id}  {paper.title}"))


def _explain(index: "Index", paper_id: str, as_json: bool) -> None:
    from footnote.ingest.identity.explain import explain
    from footnote.ui.render import explanation_lines

    explanation = explain(index.catalogue, paper_id)
    if as_json:
        print_json(explanation)
        return
    _out.print(escape("\n".join(explanation_lines(explanation))))


@command
def search(
    config: Config,
    question: Question,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many papers at most.")] = 10,
    since: Since = None,
    until: Until = None,
    organisation: Organisation = None,
    source: SeenIn = None,
    author: Author = None,
    withdrawn: Withdrawn = None,
    reports_number: ReportsNumber = None,
    as_json: AsJson = False,
) -> None:
    """Find papers, without answering."""
    filters = read_filters(since, until, organisation, source, author, withdrawn, reports_number)
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.ui.render import hit_rows, receipt_notes

    # The language model is asked where it puts papers in order, and else for nothing.
    assistant = open_assistant(config, writes=config.retrieval.reranker == "model")
    tune_process()
    found = assistant.search_with_receipt(" ".join(question), k, filters=filters)
    for note in receipt_notes(found.receipt):
        _err.print(escape(note))
    if as_json:
        print_json(hit_rows(found.hits))
        return
    for rank, hit in enumerate(found.hits, start=1):
        _out.print(f"[bold]{rank}. {escape(hit.paper.title)}[/] ({hit.score:.2f})")
        _out.print(f"   {escape(hit.paper.quote(hit.passage))}\n")


@command
def ask(
    config: Config,
    question: Question,
    since: Since = None,
    until: Until = None,
    organisation: Organisation = None,
    source: SeenIn = None,
    author: Author = None,
    withdrawn: Withdrawn = None,
    reports_number: ReportsNumber = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            help=f"Print it as a file to be saved: {', '.join(Form)} or a plugin's.",
        ),
    ] = None,
    obsidian: Obsidian = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question, every sentence with its source."""
    form = read_form(form, Form, as_json=as_json)
    filters = read_filters(since, until, organisation, source, author, withdrawn, reports_number)
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.ui.render import receipt_notes, source_text, writing_note

    assistant = open_assistant(config)
    tune_process()
    if obsidian:
        from footnote.export.obsidian import answer_notes

        answer = assistant.ask(" ".join(question), filters=filters)
        _write_notes(answer_notes(answer, assistant.paper), obsidian, as_json)
        return
    if as_json:
        print_json(assistant.ask(" ".join(question), filters=filters))
        return
    if form:
        from footnote.export.forms import export

        answer = assistant.ask(" ".join(question), filters=filters)
        sys.stdout.write(export(answer, assistant.paper, form).text)
        return
    answer = _told(assistant.ask_stream(" ".join(question), filters=filters))
    for note in filter(None, (*receipt_notes(answer.receipt), writing_note(answer))):
        _err.print(escape(note))
    if answer.mode == "quote":
        _out.print(escape(answer.answer))
    if answer.nearest:
        _out.print("\nNearest to it:")
    for near in answer.nearest:
        _out.print(escape(f"- {near.title}: {near.quote}"))
    if answer.sources:
        _out.print()
    for cited in answer.sources:
        _out.print(escape(source_text(cited)))


def _write_notes(notes: "Iterable[NoteFile]", folder: Path, as_json: bool) -> None:
    from footnote.export.obsidian import write_notes

    done = write_notes(notes, folder)
    if as_json:
        print_json(done._asdict())
        return
    for name in done.kept:
        _err.print(escape(f"left as it is: {folder / name}"))
    _out.print(escape(f"{done.written:,} notes written to {folder}"))


@command
def replay(
    config: Config,
    file: Annotated[
        Path, typer.Argument(help="What `footnote ask --json` printed, once or several times.")
    ],
    as_json: AsJson = False,
) -> None:
    """Ask again what was answered before; exit 1 if an answer differs."""
    from footnote.rag.replay import load_answers
    from footnote.rag.replay import replay as run_replay

    answers = load_answers(file)
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.ui.render import difference_lines

    assistant = open_assistant(config)
    tune_process()
    found = list(run_replay(answers, assistant))
    if as_json:
        print_json(found)
    for difference in () if as_json else found:
        _out.print(escape("\n".join(difference_lines(difference))))
    if not all(difference.same for difference in found):
        raise typer.Exit(1)


@command
def report(
    config: Config,
    topic: Annotated[list[str], typer.Argument(help="The topic, with quotation marks or without.")],
    n_papers: Annotated[
        int, typer.Option("--papers", min=1, max=60, help="Papers it is written from at most.")
    ] = 30,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the Markdown to this file.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Keep finished steps here; else in `reports` of the index."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what it would cost, and ask nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Begin without asking, if it costs.")] = False,
    since: Since = None,
    until: Until = None,
    organisation: Organisation = None,
    source: SeenIn = None,
    author: Author = None,
    withdrawn: Withdrawn = None,
    reports_number: ReportsNumber = None,
    as_json: AsJson = False,
) -> None:
    """Write a report on a topic, every statement with its source.

    Interrupted, the same command goes on where it was.
    """
    filters = read_filters(since, until, organisation, source, author, withdrawn, reports_number)
    from footnote.rag.build import open_assistant, open_report
    from footnote.rag.core.processor import tune_process
    from footnote.ui.report_text import estimate_text, report_markdown

    assistant = open_assistant(config)
    tune_process()
    text = " ".join(topic)
    job = open_report(config, assistant, text, papers=n_papers, filters=filters, folder=work)
    estimate = job.estimate()
    if dry_run:
        if as_json:
            print_json(estimate)
        else:
            _out.print(escape(estimate_text(estimate)))
        return
    if job.began_anew:
        _err.print("The papers here have changed since this report was begun: it begins anew.")
    _err.print(escape(estimate_text(estimate)))
    _agree(estimate.cost, yes=yes)
    with _progress(as_json) as on_progress:
        written = job.written(on_progress)
    if as_json:
        print_json(written)
    elif not out:
        _out.print(report_markdown(written), end="", markup=False)
    if out:
        _write(out, report_markdown(written))


def _agree(cost: float | None, *, yes: bool) -> None:
    """Ask a person who watches if it may cost so much; nobody watching, it takes `--yes`."""
    if yes or not cost:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("it costs something; add --yes", param_hint="'report'")
    if not typer.confirm("Begin?", err=True):
        _err.print("The model was not asked.")
        raise typer.Exit(1)


def _write(file: Path, text: str) -> None:
    from footnote.rag.core.errors import QuestionError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise QuestionError(f"{file} cannot be written: {error}", "name another file") from error
    _err.print(escape(f"written to {file}"))


@command
def check(
    config: Config,
    what: Annotated[list[str], typer.Argument(help="A sentence, a file, or - for standard input.")],
    as_json: AsJson = False,
) -> None:
    """Compare what is written with the papers; exit 1 if something differs or is not there.

    A statement that cites by a BibTeX key, as [@key], is compared with that paper.
    """
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.ui.render import claim_lines

    text = _text_of(what)
    assistant = open_assistant(config, writes=False)
    tune_process()
    claims = assistant.check(text)
    if as_json:
        print_json(claims)
    for claim in () if as_json else claims:
        _out.print(escape("\n".join(claim_lines(claim))))
    if any(claim.verdict in ("differs", "unbound") for claim in claims):
        raise typer.Exit(1)


def _text_of(what: Sequence[str]) -> str:
    """Return what is to be checked: of a file, of standard input, or the words themselves."""
    from footnote.rag.core.errors import QuestionError

    if list(what) == ["-"]:
        return sys.stdin.read()
    try:
        if len(what) == 1 and Path(what[0]).is_file():
            return Path(what[0]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionError(f"{what[0]} cannot be read: {error}; give a text file") from error
    return " ".join(what)


@command
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
        print_json({r.system: r.means for r in reports})
    else:
        _out.print(escape("\n".join(table(reports))))
        _err.print(escape(f"written to {out}"))
    if earlier and (drops := gate(reports[0], earlier)):
        for drop in drops:
            _err.print(escape(drop))
        raise typer.Exit(1)


@command
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
        _write_text(out, text)
    if as_json:
        print_json(rows)
    elif not out:
        sys.stdout.write(text)
    _err.print(f"{len(rows):,} questions of {len(said):,} remarks")


def _write_text(file: Path, text: str) -> None:
    from footnote.rag.core.errors import DatasetError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{file} cannot be written: {error.strerror}; name another") from error


@command
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
    with _progress(as_json) as on_progress:
        found = run_calibrate(assistant, words, n_papers=n_papers, on_progress=on_progress)
    if as_json:
        print_json(found)
        return
    now = config.answering.min_confidence
    _out.print(f"{found.n_questions:,} questions made from {found.n_papers:,} papers")
    _out.print("threshold  answered, paper here  refused, paper held out  risk of what is answered")
    for point in found.line:
        risk = "none" if point.risk is None else f"{point.risk:.2f}"
        _out.print(
            f"{point.threshold:9.2f} {point.coverage:21.2f} {point.refused:24.2f} {risk:>25}"
        )
    _out.print(
        f"At {found.threshold:.2f}, {found.at_threshold.coverage:.0%} of the questions whose paper "
        f"is here are answered, and {found.at_threshold.refused:.0%} of the others refused. "
        f"answering.min_confidence is {now:.2f}; a person asks harder questions than these."
    )


@command
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

    with _progress(as_json) as on_progress:
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
    _out.print(f"{result.n_papers:,} papers, {result.n_questions:,} questions")
    ours, theirs = result.footnote.model_dump(), result.stock.model_dump()
    for name, ratio in result.ratios.items():
        _out.print(f"{name:24} {ours[name]:12,.1f} {theirs[name]:12,.1f} {ratio:8.2f}")


@command
def serve(
    config: Config,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; else `web.host` of the settings, 127.0.0.1."),
    ] = None,
    port: Port = None,
    n_workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            max=64,
            help="Further processes that answer programs, on the next port; else `web.workers`, 0.",
        ),
    ] = None,
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(
            help="Have a Ray cluster serve: that of RAY_ADDRESS, or one on this machine. A process "
            "or more hold each shard, as `ray` of the settings says."
        ),
    ] = None,
    n_replicas: Annotated[
        int | None,
        typer.Option(
            "--replicas",
            min=1,
            max=1000,
            help="Processes that hold each shard, with --engine ray; else `ray.replicas`, 1.",
        ),
    ] = None,
) -> None:
    """Serve the page, REST, OpenAI's protocol and MCP until interrupted."""
    from footnote.ui.address import bound

    host = config.web.host if host is None else host
    if engine:
        if n_workers:
            _fail("--engine and --workers do not go together; use `ray.routers`", code=2)
        _serve_on_ray(config, host, config.web.port if port is None else port, n_replicas)
        return
    if n_replicas:
        _fail("--replicas goes with --engine ray; add that", code=2)
    n_workers = config.web.workers if n_workers is None else n_workers
    # Before everything is loaded, which takes seconds.
    with ExitStack() as held:
        listener = held.enter_context(bound(host, config.web.port if port is None else port))
        from footnote.ui.guard import access_to

        access = access_to(config, host)
        from footnote.rag.build import open_assistant
        from footnote.ui.app import serve as run

        with _err.status("Loading the index"):
            assistant = open_assistant(config)
        if not n_workers:
            run(assistant, config, access, listener, host=host)
            return
        from footnote.ui.workers import workers

        next_port = 0 if port == 0 else listener.getsockname()[1] + 1
        further = held.enter_context(bound(host, next_port))
        them = held.enter_context(workers(n_workers, config, further, host))
        run(
            assistant,
            config,
            access,
            listener,
            host=host,
            workers_port=them.port,
            on_end=them.end,
        )


def _serve_on_ray(config: Config, host: str, port: int, n_replicas: int | None) -> None:
    from footnote.ui.address import bound

    # Taken by Ray's own process, on this machine or another; here it is only seen to be free.
    with bound(host, port) as listener:
        port = listener.getsockname()[1]
    from footnote.rag.build import open_index
    from footnote.rag.index.writer import IndexWriter
    from footnote.ui.guard import access_to
    from footnote.ui.ray_serve import serve_on_ray

    access_to(config, host)
    if n_replicas:
        ray = config.ray.model_copy(update={"replicas": n_replicas})
        config = config.model_copy(update={"ray": ray})
    with _err.status("Loading the index"):
        index = open_index(config)
        IndexWriter(index).recover()
        index.check_served()
    n_shards, n_papers = index.snapshot().card.shards, len(index.catalogue)
    serve_on_ray(config, host, port, n_shards, n_papers)


@command
def demo(
    config: Config,
    corpus: Annotated[
        list[str] | None,
        typer.Argument(help="Papers as for `footnote ingest`; the bundled sample by default."),
    ] = None,
    port: Port = None,
) -> None:
    """Take in papers and serve the page, which answers from those that are in meanwhile."""
    import footnote.ingest
    from footnote.ui.address import bound
    from footnote.ui.demo import taken_in_beside

    what = corpus or [str(Path(footnote.ingest.__path__[0]) / "sample")]
    host = config.web.host
    with (
        bound(host, config.web.port if port is None else port) as listener,
        taken_in_beside(_take_in, config, what) as process,
    ):
        from footnote.ui.app import serve as run
        from footnote.ui.demo import check_taken_in, is_in_vain, open_meanwhile
        from footnote.ui.guard import access_to

        assistant = open_meanwhile(config)
        in_vain = partial(is_in_vain, assistant, process)
        run(assistant, config, access_to(config, host), listener, host=host, ends=in_vain)
        check_taken_in(config, assistant, process)


@command
def mcp(config: Config) -> None:
    """Serve the papers to an assistant that starts this command (MCP, over standard input)."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    from footnote.rag.build import open_assistant
    from footnote.rag.core.processor import tune_process
    from footnote.ui.desk import desk_for
    from footnote.ui.mcp_server import mcp_server

    assistant = open_assistant(config)
    tune_process()
    mcp_server(desk_for(assistant, config.web)).run()


def token_new(
    config: Config,
    name: Annotated[str, typer.Argument(help="What it is for, such as the name of a program.")],
    scope: Annotated[
        str, typer.Option(help="read: search and list; ask: and ask; write: and change papers.")
    ] = "ask",
    as_json: AsJson = False,
) -> None:
    """Make a token for `footnote serve`, and print it; it is shown this once."""
    from footnote.ui.tokens import Scope, Tokens

    if scope not in list(Scope):
        raise typer.BadParameter(f"{scope!r} is none of read, ask, write", param_hint="'--scope'")
    secret = Tokens(config.index).new(name, Scope(scope))
    if as_json:
        print_json({"name": name, "scope": scope, "token": secret})
    else:
        _out.print(escape(secret))


def token_list(config: Config, as_json: AsJson = False) -> None:
    """List the tokens, without their secrets."""
    from footnote.ui.tokens import Tokens

    tokens = Tokens(config.index).all()
    if as_json:
        print_json([token.model_dump(mode="json", exclude={"sha256"}) for token in tokens])
        return
    for token in tokens:
        _out.print(escape(f"{token.created}  {token.scope:5}  {token.name}"))


def token_revoke(config: Config, name: str, as_json: AsJson = False) -> None:
    """Take a token back."""
    from footnote.ui.tokens import Tokens

    Tokens(config.index).revoke(name)
    if as_json:
        print_json({"revoked": name})


_tokens = typer.Typer(help="Tokens for programs and people who use `footnote serve`.")
app.add_typer(_tokens, name="token")
for _name, _function in (("new", token_new), ("list", token_list), ("revoke", token_revoke)):
    _tokens.command(_name)(_with_settings(_function))


command(cli_setup.setup)
_watch = typer.Typer(
    help="Standing questions: what further papers say to them.", invoke_without_command=True
)
_watch.callback()(_with_settings(cli_watch.news))
app.add_typer(_watch, name="watch")
for _name, _function in cli_watch.COMMANDS.items():
    _watch.command(_name)(_with_settings(_function))


@app.command()
def password() -> None:
    """Read a password, and print what `web.users` keeps of it."""
    from footnote.ui.tokens import hash_password

    if sys.stdin.isatty():
        asked = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        asked = sys.stdin.readline().rstrip("\n")
    if not asked:
        raise typer.BadParameter("it is empty; type a password")
    _out.print(hash_password(asked))


@command
def doctor(config: Config, as_json: AsJson = False) -> None:
    """Check the index, the plugins and the language model; exit 1 on a problem."""
    from footnote.rag.answering.generative import problem_of
    from footnote.rag.build import load_writing_model, open_index
    from footnote.rag.core.plugins import problems as problems_of_plugins

    problems = [*open_index(config).problems(), *problems_of_plugins()]
    model = load_writing_model(config, remembers=False)
    if model and (problem := problem_of(model, timeout_s=config.llm.timeout_s)):
        problems.append(problem)
    if as_json:
        print_json({"ok": not problems, "problems": problems})
    else:
        _out.print(escape("\n".join(problems)) if problems else "all is well")
    if problems:
        raise typer.Exit(1)


@command
def plugins(config: Config, as_json: AsJson = False) -> None:
    """List what other installed packages add, and what of it cannot be loaded."""
    del config
    from footnote.rag.core.plugins import installed

    rows = [
        {
            "group": str(plugin.group),
            "name": plugin.name,
            "package": plugin.distribution,
            "problem": plugin.problem(),
        }
        for plugin in installed()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        _out.print(escape(f"{row['group']:20}  {row['name']:20}  {row['package']}"))
        if row["problem"]:
            _err.print(escape(row["problem"]))
    _err.print(f"{len(rows):,} plugins")


@command
def rebuild(config: Config, as_json: AsJson = False) -> None:
    """Make the index anew, from the catalogue and the settings."""
    from footnote.ingest.restore import restore
    from footnote.rag.build import open_index
    from footnote.rag.index.writer import IndexWriter

    index = open_index(config)
    writer = IndexWriter(index)
    with writer.holding(), _progress(as_json) as on_progress:
        restored = restore(index.catalogue).paper_ids
        writer.rebuild(on_progress)
    problems = index.problems()
    if as_json:
        print_json({"ok": not problems, "problems": problems, "restored": restored})
    else:
        _say_restored(restored)
        if problems:
            _err.print(escape("\n".join(problems)))
        else:
            _out.print(f"rebuilt {len(index.catalogue):,} papers")
    if problems:
        raise typer.Exit(1)


def _say_restored(paper_ids: Sequence[str]) -> None:
    for paper_id in paper_ids:
        _err.print(escape(f"paper {paper_id} was not as written, and is restored"))


@command
def remove(
    config: Config,
    papers: Annotated[
        list[str], typer.Argument(help="Ids of papers, or titles in quotation marks.")
    ],
    as_json: AsJson = False,
) -> None:
    """Take papers out; taking in their source again brings them back."""
    from footnote.rag.build import open_index
    from footnote.rag.index.writer import IndexWriter

    index = open_index(config)
    writer = IndexWriter(index)
    with writer.writing():
        named = index.named(papers)
        writer.remove(list(named))
    if as_json:
        print_json({"removed": [{"paper_id": i, "title": title} for i, title in named.items()]})
        return
    for title in named.values():
        _out.print(escape(f"removed {title}"))


@command
def backup(
    config: Config,
    file: Annotated[Path, typer.Argument(help="The file that is written.")],
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Write the index to one file, while it is asked."""
    from footnote.rag.build import open_index
    from footnote.rag.index.archive import back_up
    from footnote.rag.index.writer import IndexWriter

    index = open_index(config)
    with _err.status("Writing the backup"):
        IndexWriter(index).recover()
        contents = back_up(index, file, replace=replace)
    n_bytes = file.stat().st_size
    if as_json:
        print_json({"file": file, "papers": contents.papers, "bytes": n_bytes})
    else:
        _out.print(escape(f"{contents.papers:,} papers in {file}, {n_bytes / 1e6:,.1f} MB"))


@command
def restore(
    config: Config,
    file: Annotated[Path, typer.Argument(help="What `footnote backup` wrote.")],
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Make the index folder from a backup, once all of it is checked."""
    from footnote.rag.index.archive import restore as restore_index

    with _err.status("Restoring the index"):
        contents = restore_index(file, config.index, replace=replace)
    if as_json:
        print_json({"index": config.index, "papers": contents.papers, "made": contents.made})
    else:
        _out.print(escape(f"{contents.papers:,} papers in {config.index}, as of {contents.made}"))


class _RateColumn(ProgressColumn):
    """Shows how many a second, or a minute where they are slow."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        if not rate:
            return Text("")
        return Text(f"{rate:,.0f}/s" if rate >= 1 else f"{rate * 60:,.0f}/min")


def _told(events: "Generator[Event]") -> "Answer":
    """Print each sentence once it was checked, and return the answer."""
    from footnote.rag.core.records import Answer, Sentence
    from footnote.ui.render import sentence_text

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
    """Show a bar on stderr, only where a person watches."""
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
