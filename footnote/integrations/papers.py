"""What the integrations ask, papers here or of a server, and what they tell of a paper."""

from typing import Protocol, runtime_checkable

from footnote.rag.core.records import Answer, Hit


@runtime_checkable
class Papers(Protocol):
    """A `Library`, or a `Remote`. Safe to use from several threads."""

    def search(self, question: str, k: int = 10) -> list[Hit]:
        """Find the papers that fit a question, best first, at most `k`."""
        ...

    def ask(self, question: str) -> Answer:
        """Answer a question, every sentence with its source, or refuse with a reason."""
        ...


def facts(hit: Hit) -> dict[str, str | int]:
    """Return what is known of a paper that was found, and where its best sentence stands."""
    paper = hit.paper
    return {
        "title": paper.title,
        **({"date": paper.date.isoformat()} if paper.date else {}),
        "paper_id": paper.paper_id,
        "start": hit.passage.start,
        "end": hit.passage.end,
    }
