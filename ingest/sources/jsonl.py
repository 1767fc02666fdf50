"""JSON Lines: one object a line, with a title and an abstract."""

import datetime
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from ingest.lines import Line
from ingest.record import Refusal, SourceRecord
from rag.schema import Sighting

_MAX_COUNT = 10**9


def _day(value: object) -> object:
    # `2024-05-01T10:00:00Z` names a day too; a year alone does not.
    return value[:10] if isinstance(value, str) and "T" in value else value


class _Fields(BaseModel):
    title: str
    abstract: str = Field(validation_alias=AliasChoices("abstract", "digest", "summary", "text"))
    date: Annotated[datetime.date | None, BeforeValidator(_day)] = Field(
        default=None, validation_alias=AliasChoices("date", "published", "published_at")
    )
    n_authors: Annotated[int, Field(ge=1, le=_MAX_COUNT)] | None = None
    authors: list[object] | None = None
    organisation: str | None = Field(
        default=None, validation_alias=AliasChoices("organisation", "organization")
    )
    upvotes: Annotated[int, Field(ge=0, le=_MAX_COUNT)] | None = None


def detects(head: Sequence[Line]) -> bool:
    """Whether the first line that is not blank is an object, or begins like one."""
    first = next((line.text for line in head if line.text.strip()), "")
    return first.lstrip().startswith("{")


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each line that is not blank; other keys are ignored."""
    sighting = Sighting(source=source)
    for line in lines:
        if line.fault or line.text.strip():
            yield _record(line, sighting)


def _record(line: Line, sighting: Sighting) -> SourceRecord | Refusal:
    refusal = Refusal(source=sighting.source, record=f"line {line.number}", reason=line.fault or "")
    if line.fault:
        return refusal
    try:
        fields = _Fields.model_validate(json.loads(line.text))
    except json.JSONDecodeError as error:
        return refusal.model_copy(update={"reason": f"not JSON: {error.msg} at {error.colno}"})
    except RecursionError:
        return refusal.model_copy(update={"reason": "not a flat object: nested too deep"})
    except ValidationError as error:
        reasons = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return refusal.model_copy(update={"reason": "; ".join(reasons)})
    except ValueError as error:  # a number of thousands of digits
        return refusal.model_copy(update={"reason": str(error)})
    return SourceRecord(
        title=fields.title,
        abstract=fields.abstract,
        sighting=sighting,
        date=fields.date,
        n_authors=fields.n_authors or (len(fields.authors) if fields.authors else None),
        organisation=fields.organisation,
        upvotes=fields.upvotes,
    )
