"""Citation precision and recall, by hand-made answers and the real verifier."""

from typing import Literal

import pytest

from footnote.eval.citations import citation_scores
from footnote.rag.core.records import Answer, Citation, Sentence, Source
from footnote.rag.core.text import words
from footnote.rag.verification.checker import Checker

FAST = "The cache answers 40% faster than a disk."
OTHER = "Birds of the valley sing at dawn."


class Words:
    def terms(self, text: str) -> list[str]:
        return words(text)

    def idf(self, term: str) -> float:
        return 1.0


def answer(*sentences: tuple[str, list[str]], mode: Literal["quote", "llm"] = "llm") -> Answer:
    cited = tuple(
        Sentence(
            text=text,
            verdict="quoted",
            citations=tuple(
                Citation(
                    marker=n,
                    paper_id=f"p{n}",
                    title="Caches",
                    quote=q,
                    start=0,
                    end=len(q),
                    score=1,
                )
                for n, q in enumerate(quotes, start=1)
            ),
        )
        for text, quotes in sentences
    )
    sources = (Source(marker=1, paper_id="p1", title="Caches"),)
    return Answer(
        question="q",
        answer="a",
        refused=False,
        reason=None,
        sentences=cited,
        sources=sources,
        mode=mode,
    )


@pytest.mark.parametrize(
    ("said", "precision", "recall"),
    [
        pytest.param([(FAST, [FAST])], 1.0, 1.0, id="quote"),
        pytest.param([(FAST, [OTHER])], 0.0, 0.0, id="wrong-quote"),
        pytest.param([(FAST, [])], 0.0, 0.0, id="no-quote"),
        pytest.param([(FAST, [FAST, OTHER])], 0.5, 1.0, id="one-too-many"),
        pytest.param([(FAST, [FAST]), (FAST, [OTHER])], 0.5, 0.5, id="one-of-two-sentences"),
        pytest.param([(f"Caches: {FAST}", [FAST])], 1.0, 1.0, id="named"),
    ],
)
def test_by_hand(said: list[tuple[str, list[str]]], precision: float, recall: float):
    scores = citation_scores(answer(*said), Checker(Words()))
    assert scores == (precision, recall)


def test_a_refusal_cites_nothing():
    assert citation_scores(answer(), Checker(Words())) is None


def test_a_quote_is_not_compared_with_itself():
    assert citation_scores(answer((FAST, [FAST]), mode="quote"), Checker(Words())) is None
