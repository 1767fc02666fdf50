"""Papers as EndNote's tagged format, a field a line."""

from collections.abc import Iterable, Iterator

from footnote.plugins import Paper

ENDING = "enw"
MEDIA_TYPE = "application/x-endnote-refer"


def entries(papers: Iterable[Paper]) -> Iterator[str]:
    """Yield an entry a paper, with a blank line after it."""
    for paper in papers:
        yield "".join(f"%{tag} {' '.join(text.split())}\n" for tag, text in _fields(paper)) + "\n"


def _fields(paper: Paper) -> Iterator[tuple[str, str]]:
    yield "0", "Journal Article"
    yield "T", paper.title
    for author in paper.authors:
        # EndNote takes the last word of a name for the family's, unless a comma ends it.
        yield "A", f"{author}," if author in paper.group_authors else author
    if paper.date:
        yield "D", str(paper.date.year)
    if paper.doi:
        yield "R", paper.doi
    if paper.url:
        yield "U", paper.url
    yield "X", paper.abstract
