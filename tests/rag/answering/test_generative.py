"""Writing with a stand-in for a model that says what a test tells it, against real verification."""

import pytest

from footnote.rag.answering.citations import cite
from footnote.rag.answering.generative import Status, Writer, problem_of, rewrite_with_model
from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Answer, Sentence
from footnote.rag.core.text import words
from footnote.rag.llm.prompts import load_prompts
from footnote.rag.verification.verifier import Verifier
from tests.made import Says, drafted, evidence, paper, request


class Words:
    """Every word weighs the same and is its own stem."""

    def terms(self, text: str) -> list[str]:
        return words(text)

    def idf(self, term: str) -> float:
        return 1.0


ALPHA = paper("Alpha: A Cache on Disk", "Caches grow. Alpha keeps blocks on disk. It is fast.")
BRAVO = paper("Bravo: Routing", "Bravo routes questions to models. The bill falls by 40%.")
QUOTES = cite(request(), drafted(evidence(ALPHA, 1)))


def written(model: Says, *, strike: bool = False) -> tuple[list[Sentence], Answer]:
    writer = Writer(
        model, Verifier(Words()), load_prompts({}), papers=2, timeout_s=5, max_tokens=200,
        unsupported="strike" if strike else "drop",
    )  # fmt: skip
    *events, answer = writer.write(QUOTES, [ALPHA, BRAVO])
    assert isinstance(answer, Answer)
    return [event for event in events if not isinstance(event, Status)], answer


def test_a_supported_sentence_is_shown_with_the_marker_of_its_own_source():
    sentences, answer = written(
        Says("Bravo routes ques", "tions to models [2]. Alpha keeps blocks on disk [1].")
    )
    assert answer.mode == "llm"
    assert [s.citations[0].paper_id for s in sentences] == [BRAVO.paper_id, ALPHA.paper_id]
    assert [source.title for source in answer.sources] == [BRAVO.title, ALPHA.title]
    assert answer.answer == "Bravo routes questions to models. [1] Alpha keeps blocks on disk. [2]"
    for sentence, of in zip(sentences, (BRAVO, ALPHA), strict=True):
        [citation] = sentence.citations
        assert of.abstract[citation.start : citation.end] == citation.quote


def test_what_no_source_says_is_left_out_and_counted_or_struck():
    said = "Bravo routes questions to models [2]. Alpha cures 12 diseases of cows [1]."
    shown, answer = written(Says(said))
    assert [s.verdict for s in shown] == ["supported"]
    assert answer.writing
    assert answer.writing.left_out == 1
    struck, _ = written(Says(said), strike=True)
    assert [s.verdict for s in struck] == ["supported", "unsupported"]


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (Says(ending=GenerationError("was cut off")), "was cut off"),
        (Says("NO ANSWER"), "found no answer in the sources"),
        (Says("Alpha cures 12 diseases of cows [1]."), "wrote what the sources do not say"),
        (Says("so so " * 40), "repeated itself"),
        (Says("x", window=10), "has no room for a source; raise `llm.context_window`"),
    ],
)
def test_the_quotes_stand_where_the_model_gives_nothing_and_say_why(model: Says, fault: str):
    _, answer = written(model)
    assert answer.sentences == QUOTES.sentences
    assert answer.mode == "quote"
    assert answer.writing
    assert answer.writing.fault == fault


def test_what_a_model_thinks_aloud_is_not_shown():
    sentences, _ = written(
        Says("<thi", "nk>Bravo is slow.</think>", "Bravo routes questions to models [2].")
    )
    assert [s.text for s in sentences] == ["Bravo routes questions to models."]


@pytest.mark.parametrize(
    ("said", "rewritten"),
    [
        ("How fast is Alpha?", "How fast is Alpha?"),
        ("How fast is Charlie?", None),  # a name that nobody said
        ("Alpha is fast.", None),
        ("Is it? Is it?", None),
    ],
)
def test_a_rewritten_question_is_one_question_of_known_names(said: str, rewritten: str | None):
    assert rewrite_with_model(Says(said), "And how fast is it?", ["What is Alpha?"]) == rewritten
    assert rewrite_with_model(Says(said), "And how fast is it?", []) is None


def test_a_model_that_fails_is_named_with_its_problem():
    assert problem_of(Says("yes"), timeout_s=5) is None
    broken = Says(ending=GenerationError("failed (500)"))
    assert problem_of(broken, timeout_s=5) == "model small failed (500)"
