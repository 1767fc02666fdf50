"""Read what the page's script sends with a question: records of ours, checked before use."""

from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from footnote.rag.core.base import Record
from footnote.rag.core.records import Answer, Report
from footnote.rag.core.request import Filters, Manner, Request

# Turns before a question that can matter to it.
MOST_TURNS = 4
# Answers that are drawn in one call.
MOST_DRAWN = 20


_RECORDS: dict[str, type[Record]] = {
    "filters": Filters,
    "request": Request,
    "before": Answer,
    "manner": Manner,
}


class Asked(Record):
    """A question, the turns before it, and what the reader changed about it."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(max_length=100)
    """Names the turn in the browser."""
    question: str
    history: tuple[Answer, ...] = ()
    filters: Filters = Filters()
    """What the reader has the papers filtered by, beside what the question says."""
    request: Request | None = None
    """How it is to be understood, where the reader changed that."""
    before: Answer | None = None
    """What was answered, where that is to be asked again and compared."""
    manner: Manner = Manner()
    """How the reader wants answers in this browser."""
    language: str = "en"
    is_report: bool = False
    """True where a report on it is wanted."""

    @classmethod
    def read(cls, sent: object) -> "Asked":
        """Read what the browser sent; a part of it that is not as it was written is dropped.

        Raises:
            ValueError: It is no question at all.
        """
        if not isinstance(sent, dict) or not isinstance(sent.get("question"), str):
            raise ValueError("a question is text")
        known: dict[str, Any] = {
            "id": str(sent.get("id"))[:100],
            "question": sent["question"],
            "language": str(sent.get("language")),
            "history": read_answers(sent.get("history"), MOST_TURNS),
            "is_report": sent.get("is_report") is True,
        }
        for name, record in _RECORDS.items():
            try:
                known[name] = record.model_validate(sent[name])
            except (KeyError, ValidationError):
                continue
        if request := known.get("request"):
            known["request"] = request.model_copy(update={"by": "reader"})
        return cls.model_validate(known)


def read_answers(sent: object, most: int) -> tuple[Answer, ...]:
    """Return the last of the answers that the browser kept; what is none is left out."""
    return tuple(_answers(sent[-most:] if isinstance(sent, list) else []))


def read_turn(sent: object) -> Answer | Report | None:
    """Return the answer of a turn that the browser kept, or its report; None where it is neither.

    Args:
        sent: `answer`, and of a report `report`: the rest of its record.
    """
    if not isinstance(sent, dict):
        return None
    answer, report = sent.get("answer"), sent.get("report")
    try:
        if isinstance(report, dict):
            return Report.model_validate(report | {"answer": answer})
        return Answer.model_validate(answer)
    except ValidationError:
        return None


def _answers(sent: Iterable[object]) -> Iterable[Answer]:
    for each in sent:
        try:
            yield Answer.model_validate(each)
        except ValidationError:
            continue
