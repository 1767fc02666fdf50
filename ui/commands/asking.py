"""The commands that ask the papers: for passages, an answer, a report, a comparison."""

import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from footnote.export.names import Form
from footnote.rag.core.config import Config
from footnote.ui.commands.options import (
    AsJson,
    Author,
    Obsidian,
    Organisation,
    Question,
    ReportsNumber,
    SeenIn,
    Since,
    Until,
    Withdrawn,
    print_json,
    read_filters,
    read_form,
)
from footnote.ui.commands.shared import ERR, OUT, progress, save_notes, with_settings, write_text

if TYPE_CHECKING:
    from footnote.rag.answering.generative import Event
    from footnote.rag.core.records import Answer

# Endings of files that no draft has.
_OF_RECORDS = frozenset({".bib", ".ris", ".nbib", ".enw"})


@with_settings
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
        ERR.print(escape(note))
    if as_json:
        print_json(hit_rows(found.hits))
        return
    for rank, hit in enumerate(found.hits, start=1):
        OUT.print(f"[bold]{rank}. {escape(hit.paper.title)}[/] ({hit.score:.2f})")
        OUT.print(f"   {escape(hit.paper.quote(hit.passage))}\n")


@with_settings
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
    from footnote.ui.render import receipt_notes, sentence_text, source_text, writing_note

    assistant = open_assistant(config)
    tune_process()
    if obsidian:
        from footnote.export.obsidian import answer_notes

        answer = assistant.ask(" ".join(question), filters=filters)
        save_notes(answer_notes(answer, assistant.paper), obsidian, as_json)
        return
    if as_json:
        print_json(assistant.ask(" ".join(question), filters=filters))
        return
    if form:
        from footnote.export.forms import export

        answer = assistant.ask(" ".join(question), filters=filters)
        sys.stdout.write(export(answer, assistant.paper, form).text)
        return
    answer, told = _told(assistant.ask_stream(" ".join(question), filters=filters))
    for note in filter(None, (*receipt_notes(answer.receipt), writing_note(answer))):
        ERR.print(escape(note))
    if answer.mode == "quote":
        if told:
            OUT.print("The draft above was dropped; the answer:")
        OUT.print(escape(answer.answer))
    elif not told:
        OUT.print(" ".join(map(sentence_text, answer.sentences)), markup=False)
    if answer.nearest:
        OUT.print("\nNearest to it:")
    for near in answer.nearest:
        OUT.print(escape(f"- {near.title}: {near.quote}"))
    if answer.sources:
        OUT.print()
    for cited in answer.sources:
        OUT.print(escape(source_text(cited)))


def _told(events: "Generator[Event]") -> "tuple[Answer, bool]":
    """Print each sentence to a terminal once it was checked.

    Elsewhere nothing is printed: what is written to a file cannot be taken back.

    Returns:
        The answer, and True where sentences were printed.
    """
    from footnote.rag.core.records import Answer, Sentence
    from footnote.ui.render import sentence_text

    answer: Answer | None = None
    told, watched = False, sys.stdout.isatty()
    with closing(events), ERR.status("Reading") as status:
        for event in events:
            if isinstance(event, Answer):
                answer = event
            elif isinstance(event, Sentence):
                if not watched:
                    continue
                status.stop()  # it draws over the line that the sentence stands on
                told = True
                OUT.print(sentence_text(event), end=" ", markup=False)
            else:
                status.update(escape(event.text))
    if told:
        OUT.print()
    if answer is None:
        raise RuntimeError("a question without an answer")
    return answer, told


@with_settings
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
        OUT.print(escape("\n".join(difference_lines(difference))))
    if not all(difference.same for difference in found):
        raise typer.Exit(1)


@with_settings
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
            OUT.print(escape(estimate_text(estimate)))
        return
    if job.began_anew:
        ERR.print("The papers here have changed since this report was begun: it begins anew.")
    ERR.print(escape(estimate_text(estimate)))
    _agree(estimate.cost, yes=yes)
    with progress(as_json) as on_progress:
        written = job.written(on_progress)
    if as_json:
        print_json(written)
    elif not out:
        OUT.print(report_markdown(written), end="", markup=False)
    if out:
        write_text(out, report_markdown(written))
        ERR.print(escape(f"written to {out}"))


def _agree(cost: float | None, *, yes: bool) -> None:
    """Ask a person who watches if it may cost so much; nobody watching, it takes `--yes`."""
    if yes or not cost:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("it costs something; add --yes", param_hint="'report'")
    if not typer.confirm("Begin?", err=True):
        ERR.print("The model was not asked.")
        raise typer.Exit(1)


@with_settings
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
        OUT.print(escape("\n".join(claim_lines(claim))))
    if any(claim.verdict in ("differs", "unbound") for claim in claims):
        raise typer.Exit(1)


def _text_of(what: Sequence[str]) -> str:
    """Return what is to be checked: of a file, of standard input, or the words themselves."""
    from footnote.rag.core.errors import QuestionError

    if list(what) == ["-"]:
        return sys.stdin.read()
    try:
        if len(what) == 1 and Path(what[0]).is_file():
            if Path(what[0]).suffix.casefold() in _OF_RECORDS:
                step = f"take it in with footnote ingest {what[0]}, and check what cites it"
                raise QuestionError(f"{what[0]} holds records of papers and states nothing", step)
            return Path(what[0]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionError(f"{what[0]} cannot be read: {error}; give a text file") from error
    return " ".join(what)
