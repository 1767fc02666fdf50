"""A run made by hand: what was found and said, without any model."""

from typing import Literal

from footnote.eval.citations import CitationScores
from footnote.eval.datasets import Dataset, JudgedQuestion
from footnote.eval.run import Outcome, Run
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.records import Answer, Citation, Hit, Paper, Sentence, Sighting, Source
from footnote.rag.core.text import Span


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="a")))


ALPHA = paper("Alpha | a Cache", "Alpha keeps the cache on disk. It is 2.5× faster. It is small.")
BRAVO = paper("Bravo", "Bravo routes questions to models that cost less.")


def hit(found: Paper, score: float, **signals: float) -> Hit:
    return Hit(paper=found, score=score, passage=Span(0, 5), signals=signals)


def quoted(found: Paper, *numbers: int) -> tuple[Sentence, ...]:
    spans = [found.sentences[n] for n in numbers]
    return tuple(
        Sentence(
            text=found.quote(span),
            verdict="quoted",
            citations=(
                Citation(
                    marker=1, paper_id=found.paper_id, title=found.title, quote=found.quote(span),
                    start=span.start, end=span.end, score=1,
                ),
            ),
        )
        for span in spans
    )  # fmt: skip


def answer(
    *sentences: Sentence, confidence: float | None = None, mode: Literal["quote", "llm"] = "quote"
) -> Answer:
    """An answer of these sentences; of none, a refusal."""
    text = " ".join(f"{s.text} [1]" for s in sentences)
    return Answer(
        question="q",
        answer=text or "No.",
        refused=not sentences,
        reason=None if sentences else "No.",
        sentences=sentences,
        sources=(Source.of(ALPHA, 1),) if sentences else (),
        mode=mode,
        confidence=confidence,
    )


FACT = JudgedQuestion(
    id="a/1", question="How fast is Alpha?", kind="numeric", must_include=("2.5x", "on tape"),
    relevant={ALPHA.paper_id: 2}, history=("what is Alpha?",),
    answers={ALPHA.paper_id: {1: 2}},
)  # fmt: skip
LOST = JudgedQuestion(id="b", question="Which one routes?", relevant={BRAVO.paper_id: 1})
NOWHERE = JudgedQuestion(id="c", question="What is Zulu?", kind="unanswerable")
CRASH = JudgedQuestion(id="d", question="?", relevant={ALPHA.paper_id: 1})
DATASET = Dataset("by hand", (FACT, LOST, NOWHERE, CRASH))

RUN = Run(
    outcomes=(
        Outcome(
            question=FACT,
            hits=(hit(ALPHA, 0.9, words=2.0, vectors=0.5), hit(BRAVO, 0.2, words=3.0)),
            answer=answer(*quoted(ALPHA, 0, 1), confidence=0.9),
            search_ms=10, ask_ms=20,
        ),
        Outcome(
            question=LOST, hits=(hit(ALPHA, 0.5),), search_ms=30, ask_ms=40,
            answer=answer(*quoted(ALPHA, 2), confidence=0.6, mode="llm"),
            citations=CitationScores(0.5, 1.0),
        ),
        Outcome(question=NOWHERE, hits=(), answer=answer(confidence=0.1), search_ms=20, ask_ms=30),
        Outcome(question=CRASH, hits=(), answer=None, error="it broke", search_ms=0, ask_ms=0),
    ),
    peak_memory_mb=100.0,
    stages_ms={"words": (1.0, 3.0)},
)  # fmt: skip
