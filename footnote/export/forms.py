"""The forms in which answers and papers are taken away, one function for all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from footnote.export.names import Form, FormName, PapersForm, PapersFormName
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


def export(answer: Answer, find_paper: FindPaper, form: Form | FormName) -> Exported:
    """Write an answer as a file.

    Args:
        answer: What is written. Of a refusal, nothing is cited.
        find_paper: Gives the cited papers; one that is not found is cited by its title alone.
        form: How it is written.

    Raises:
        ValueError: There is no such form.
    """
    form = Form(form)
    ending, media_type = _KINDS[form]
    found = ((source.paper_id, find_paper(source.paper_id)) for source in answer.sources)
    papers = {paper_id: paper for paper_id, paper in found if paper}
    if form is Form.CSV:
        text = answer_csv(answer, papers)
    elif style := _STYLES.get(form):
        text = page(answer, references(answer, papers), style)
    else:
        text = "".join(_entries(references(answer, papers).values(), PapersForm(form)))
    return Exported(f"{_slug(answer.question)}.{ending}", media_type, text)


def export_papers(papers: Iterable[Paper], form: PapersForm | PapersFormName) -> Iterator[str]:
    """Write papers, a piece of the file for each; of those before no more than a key is kept.

    Raises:
        ValueError: There is no such form.
    """
    form = PapersForm(form)
    if form is PapersForm.CSV:
        return papers_csv(papers)
    return _entries(map(Referrer().of, papers), form)


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
