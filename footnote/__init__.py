"""Ask a pile of papers a question; every sentence of the answer carries its source.

    from footnote import Library

    library = Library.open("papers")
    library.add("references.bib")
    print(library.ask("How much faster is PagedAttention?").answer)

The rest of the package is the program behind the command `footnote`. What `__all__` lists stays;
the rooms below (`footnote.rag`, `footnote.ingest`, `footnote.ui`, `footnote.eval`) may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footnote.ingest.pipeline import IngestReport
    from footnote.library import Library
    from footnote.rag.core.config import Config
    from footnote.rag.core.errors import FootnoteError
    from footnote.rag.core.records import (
        Answer,
        Citation,
        Hit,
        Paper,
        Report,
        Sentence,
        Source,
        Verdict,
    )
    from footnote.rag.core.request import Filters

    __version__: str

__all__ = [
    "Answer",
    "Citation",
    "Config",
    "Filters",
    "FootnoteError",
    "Hit",
    "IngestReport",
    "Library",
    "Paper",
    "Report",
    "Sentence",
    "Source",
    "Verdict",
    "__version__",
]

_RECORDS = "footnote.rag.core.records"
_HOMES = {
    "Answer": _RECORDS,
    "Citation": _RECORDS,
    "Config": "footnote.rag.core.config",
    "Filters": "footnote.rag.core.request",
    "FootnoteError": "footnote.rag.core.errors",
    "Hit": _RECORDS,
    "IngestReport": "footnote.ingest.pipeline",
    "Library": "footnote.library",
    "Paper": _RECORDS,
    "Report": _RECORDS,
    "Sentence": _RECORDS,
    "Source": _RECORDS,
    "Verdict": _RECORDS,
}


# Every module of the package imports this one first, so what it offers is loaded when it is asked
# for: to load all of it takes seconds.
def __getattr__(name: str) -> object:
    """Load a public name, or the version of the installed distribution."""
    if name == "__version__":
        from importlib.metadata import version

        return version("footnote-papers")
    if name not in _HOMES:
        raise AttributeError(f"module 'footnote' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
