"""What a plugin imports: the records that it gives, and what reads fields as our own formats do.

A plugin is a package of its own, which names what it adds under entry points; see
docs/plugins.md and `examples/footnote-endnote`. What `__all__` lists stays.
"""

from footnote.ingest.lines import Line
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources.objects import RecordError, to_record
from footnote.rag.core.errors import SourceError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.verification.judges import Judgement

__all__ = [
    "Judgement",
    "Line",
    "Paper",
    "RecordError",
    "Refusal",
    "Sighting",
    "SourceError",
    "SourceRecord",
    "to_record",
]
