"""The commands that take papers in, list them and take them out."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from footnote.export.names import PapersForm
from footnote.rag.core.config import Config
from footnote.ui.commands.options import AsJson, Obsidian, print_json, read_form
from footnote.ui.commands.shared import (
    ERR,
    OUT,
    counted,
    fail,
    progress,
    save_notes,
    say_restored,
    with_settings,
)
from footnote.ui.commands.watching import keep_taking_in

if TYPE_CHECKING:
    from footnote.ingest.pipeline import IngestReport
    from footnote.ingest.ray_engine import RayEngine
    from footnote.rag.index.index import Index


@with_settings
def ingest(
    config: Config,
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders of them, here or at an address such as s3://bucket/papers, - for "
            "the standard input, or what to fetch: "
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
        fail("--engine and --watch do not go together; leave one out", code=2)
    check_free(config.index)  # before the libraries are loaded, which takes seconds
    if watched:
        every_s = 3_600 * (every_h or max(config.sources.fresh_h, 0.01))
        keep_taking_in(config, paths, every_s, _say_ingested, as_json=as_json)
        return
    take_in(config, paths, on_ray=bool(engine), as_json=as_json)


def take_in(
    config: Config, paths: Sequence[str], *, on_ray: bool = False, as_json: bool = False
) -> None:
    """Take in papers, and say how many; `demo` has a process of its own do this."""
    from footnote.ingest.pipeline import ingest as run_ingest
    from footnote.rag.build import open_index

    with _ray(config) if on_ray else nullcontext() as engine:
        index = open_index(config, create=True)
        with progress(as_json) as on_progress:
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
    # Of the records taken in, those that are a paper which another one is, too.
    n_merged = report.accepted - report.papers
    OUT.print(
        f"{counted(report.records, 'record')}, {counted(report.papers, 'paper')}"
        + (f" ({n_merged:,} merged into others)" if n_merged > 0 else "")
        + f": {report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{report.refused_count + report.refused_sources:,} refused, in {report.seconds:.1f} s"
    )
    say_restored(report.restored)
    for refusal in report.refused:
        where = f"{refusal.source}: {refusal.record}" if refusal.record else refusal.source
        ERR.print(escape(f"refused {where}: {refusal.reason}"))
    for reason, n_more in report.refused_further.items():
        ERR.print(escape(f"refused {n_more:,} more: {reason}"))


@with_settings
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
        str | None,
        typer.Option(
            metavar="ID",
            help="Show which records are this paper, and why; `papers --json` prints the ids.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Make the records of this paper separate papers for good."),
    ] = None,
) -> None:
    """List the papers of the catalogue by title; with --format by id. --json prints their ids."""
    form = read_form(form, PapersForm, as_json=as_json)
    from footnote.rag.build import open_index
    from footnote.ui.render import paper_row

    index = open_index(config)
    if obsidian:
        from footnote.export.obsidian import paper_note

        save_notes(map(paper_note, index.catalogue.each_paper()), obsidian, as_json)
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
        OUT.print(escape(f"{paper.date or ''!s:10}  {paper.title}"))
        if full:
            OUT.print(escape(f"            {paper.abstract}\n"))
    ERR.print(counted(len(listed), "paper"))


def _split(index: "Index", paper_id: str, as_json: bool) -> None:
    from footnote.ingest.identity.explain import split_paper
    from footnote.ui.render import paper_row

    with progress(as_json) as on_progress:
        apart = split_paper(index, paper_id, on_progress)
    if as_json:
        print_json([paper_row(paper) for paper in apart])
        return
    for paper in apart:
        OUT.print(escape(f"{paper.paper_id}  {paper.title}"))


def _explain(index: "Index", paper_id: str, as_json: bool) -> None:
    from footnote.ingest.identity.explain import explain
    from footnote.ui.render import explanation_lines

    explanation = explain(index.catalogue, paper_id)
    if as_json:
        print_json(explanation)
        return
    OUT.print(escape("\n".join(explanation_lines(explanation))))


@with_settings
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
        OUT.print(escape(f"removed {title}"))
