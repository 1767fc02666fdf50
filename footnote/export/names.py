"""What the forms are called in which answers and papers are taken away."""

from enum import StrEnum


class PapersForm(StrEnum):
    """How papers are written."""

    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"
    """CSL-JSON, as Zotero and Pandoc read it."""
    CSV = "csv"


class Form(StrEnum):
    """How an answer is written: as a page, or what it cites as papers are."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"
    CSV = "csv"
    """Its tables; of an answer without any, a row a cited sentence."""


class NewsForm(StrEnum):
    """How news of standing questions are written."""

    TEXT = "text"
    MARKDOWN = "md"
    ATOM = "atom"
    """A feed, for a reader of feeds."""
