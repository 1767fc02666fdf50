"""JSON Lines: one object a line, with a title and an abstract."""

from collections.abc import Iterable, Iterator, Sequence

from footnote.ingest.lines import Line, whole_lines
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources.objects import RecordError, parse_json, to_record
from footnote.rag.core.records import Sighting


def detects(head: Sequence[Line]) -> bool:
    """Return True if the first line that is not blank is an object, or begins like one."""
    first = next((line.text for line in head if line.text.strip()), "")
    return first.lstrip().startswith("{")


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each line that is not blank; other keys are ignored."""
    sighting = Sighting(source=source)
    for line in whole_lines(lines):
        if line.fault or line.text.strip():
            try:
                if line.fault:
                    raise RecordError(line.fault)
                yield to_record(parse_json(line.text), sighting)
            except RecordError as error:
                yield Refusal(source=source, record=f"line {line.number}", reason=str(error))
