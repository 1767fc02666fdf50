"""The forms in which answers and papers are taken away, one function for all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple, Protocol

from footnote.export.names import Form, PapersForm
from footnote.export.pages import Style, page
from footnote.export.references import (
    Reference,
    Referrer,
    ascii_words,
    bibtex,
    csl_array,
    ris,
)
from footnote.export.styles import Html, Markdown, PlainText
from footnote.export.tables import answer_csv, papers_csv
from footnote.rag.core.errors import FootnoteError, PluginError
from footnote.rag.core.plugins import Group, find, installed, reason
from footnote.rag.core.records import Answer, Paper

FindPaper = Callable[[str], Paper | None]
"""Gives a paper by its id, such as a dictionary's `get`; None for one that is not here any more."""


class Exported(NamedTuple):
    """A file to save or to send."""

    name: str
    """In plain letters, without a folder, with its ending."""
    media_type: str
    text: str


_KINDS = {
    Form.TEXT: ("txt", "text/plain"),
    Form.MARKDOWN: ("md", "text/markdown"),
    Form.HTML: ("html", "text/html"),
    Form.BIBTEX: ("bib", "application/x-bibtex"),
    Form.RIS: ("ris", "application/x-research-info-systems"),
    Form.CSL: ("json", "application/vnd.citationstyles.csl+json"),
    Form.CSV: ("csv", "text/csv"),
}
_STYLES: dict[Form, Style] = {
    Form.TEXT: PlainText(),
    Form.MARKDOWN: Markdown(),
    Form.HTML: Html(),
}
_MAX_NAME_CHARS = 60


class Exporter(Protocol):
    """What a plugin has that writes papers in a form of its own."""

    ENDING: str
    """Of its files, without the dot."""
    MEDIA_TYPE: str

    def entries(self, papers: Iterable[Paper]) -> Iterator[str]:
        """Yield a file, piece by piece."""
        ...


def export(answer: Answer, find_paper: FindPaper, form: str) -> Exported:
    """Write an answer as a file.

    Args:
        answer: What is written. Of a refusal, nothing is cited.
        find_paper: Gives the cited papers; one that is not found is cited by its title alone.
        form: How it is written: a `Form`, or a plugin's, which writes the cited papers.

    Raises:
        ValueError: There is no such form.
        PluginError: The plugin of this name cannot be loaded, or fails.
    """
    found = ((source.paper_id, find_paper(source.paper_id)) for source in answer.sources)
    papers = {paper_id: paper for paper_id, paper in found if paper}
    if form not in [*Form]:
        exporter = _exporter(form)
        text = "".join(_written(exporter, form, papers.values()))
        return Exported(f"{_slug(answer.question)}.{exporter.ENDING}", exporter.MEDIA_TYPE, text)
    form = Form(form)
    ending, media_type = _KINDS[form]
    if form is Form.CSV:
        text = answer_csv(answer, papers)
    elif style := _STYLES.get(form):
        text = page(answer, references(answer, papers), style)
    else:
        text = "".join(_entries(references(answer, papers).values(), PapersForm(form)))
    return Exported(f"{_slug(answer.question)}.{ending}", media_type, text)


def export_papers(papers: Iterable[Paper], form: str) -> Iterator[str]:
    """Write papers, a piece of the file for each; of those before no more than a key is kept.

    Args:
        papers: In the order in which they are written.
        form: A `PapersForm`, or a plugin's.

    Raises:
        ValueError: There is no such form.
        PluginError: The plugin of this name cannot be loaded, or fails.
    """
    if form not in [*PapersForm]:
        return _written(_exporter(form), form, papers)
    form = PapersForm(form)
    if form is PapersForm.CSV:
        return papers_csv(papers)
    return _entries(map(Referrer().of, papers), form)


@cache
def plugged_forms() -> tuple[str, ...]:
    """List the forms that plugins write, read once a process."""
    return tuple(plugin.name for plugin in installed(Group.EXPORTERS))


def _exporter(name: str) -> Exporter:
    if plugin := find(Group.EXPORTERS, name):
        return plugin.load()
    raise ValueError(f"{name!r} is no form of answers or papers")


def _written(exporter: Exporter, name: str, papers: Iterable[Paper]) -> Iterator[str]:
    try:
        yield from exporter.entries(papers)
    except (FootnoteError, GeneratorExit):
        raise
    except Exception as error:
        raise PluginError(f"plugin {name!r} failed: {reason(error)}") from error


def _entries(references: Iterable[Reference], form: PapersForm) -> Iterator[str]:
    if form is PapersForm.CSL:
        return csl_array(references)
    return map(bibtex if form is PapersForm.BIBTEX else ris, references)


def references(answer: Answer, papers: Mapping[str, Paper]) -> dict[str, Reference]:
    """Return what the answer cites, by paper id, each with what is quoted of it."""
    quotes: dict[str, dict[str, None]] = {}
    for citation in (c for s in answer.sentences for c in s.citations):
        quotes.setdefault(citation.paper_id, {})[citation.quote] = None
    referrer = Referrer({paper_id: [*own] for paper_id, own in quotes.items()})
    return {
        source.paper_id: referrer.of(paper) if paper else referrer.of_source(source)
        for source in answer.sources
        for paper in [papers.get(source.paper_id)]
    }


def _slug(question: str) -> str:
    """Return a name of a file that every system takes: no word of it is one of the system's."""
    return f"footnote-{'-'.join(ascii_words(question))[:_MAX_NAME_CHARS]}".rstrip("-")
