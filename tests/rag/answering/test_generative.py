"""Writing with a stand-in for a model that says what a test tells it, against real verification."""

from collections.abc import Callable, Sequence

import pytest

from footnote.rag.answering.citations import cite
from footnote.rag.answering.generative import Status, Writer, problem_of, rewrite_with_model
from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Answer, Sentence
from footnote.rag.core.text import words
from footnote.rag.llm.port import End, Message, Put
from footnote.rag.llm.prompts import Profile, load_prompts
from footnote.rag.verification.checker import Checker
from footnote.rag.verification.judges import Judgement
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


def written(model: Says, profile: Profile = "small") -> tuple[list[Sentence], Answer]:
    writer = Writer(
        model, Checker(Words()), load_prompts({}, profile), papers=2, timeout_s=5, max_tokens=200
    )
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


def test_what_no_sentence_says_is_left_out_and_counted_or_shown_as_uncited():
    said = "Bravo routes questions to models [2]. Cows of Paris like trains [1]."
    shown, answer = written(Says(said))
    assert [s.verdict for s in shown] == ["quoted"]
    assert answer.writing
    assert answer.writing.left_out == 1
    uncited, _ = written(Says(said), "strong")
    assert [s.verdict for s in uncited] == ["quoted", "unbound"]


@pytest.mark.parametrize("marker", ["[9.9]", "[1.9]", "[9]", "[9.9, 2.7]"])
def test_what_is_cited_and_is_not_there_is_no_other_sentence(marker: str):
    said = f"Bravo routes questions to models [2.1]. Alpha keeps blocks on disk {marker}."
    _, uncited = written(Says(said), "strong")[0]
    assert (uncited.text, uncited.verdict) == ("Alpha keeps blocks on disk.", "unbound")
    assert uncited.citations == ()
    shown, answer = written(Says(said))
    assert [s.verdict for s in shown] == ["quoted"]
    assert answer.writing
    assert answer.writing.left_out == 1


def test_a_statement_is_judged_by_what_it_cites_that_is_there():
    said = "Alpha keeps blocks on disk [1.2, 9.9, 2.7]. Bravo routes questions to models."
    sentences, _ = written(Says(said), "strong")
    assert [[c.quote for c in s.citations] for s in sentences] == [
        ["Alpha keeps blocks on disk."],
        ["Bravo routes questions to models."],  # which cites nothing, and is looked for
    ]


def test_sentences_are_named_by_their_numbers_and_several_of_several_papers():
    said = "Both save: Alpha on disk, Bravo by 40% [1.2, 2.2]."
    [sentence], answer = written(Says(said), "strong")
    assert [(c.paper_id, c.quote) for c in sentence.citations] == [
        (ALPHA.paper_id, "Alpha keeps blocks on disk."),
        (BRAVO.paper_id, "The bill falls by 40%."),
    ]
    assert answer.answer == "Both save: Alpha on disk, Bravo by 40%. [1][2]"


def test_a_source_of_several_sentences_is_numbered_once_in_the_text():
    [sentence], answer = written(
        Says("Caches grow; Alpha keeps blocks on disk [1.1, 1.2]."), "strong"
    )
    assert len(sentence.citations) == 2
    assert answer.answer == "Caches grow; Alpha keeps blocks on disk. [1]"


def test_a_statement_that_differs_is_shown_with_in_what():
    said = "Bravo routes questions to models [2.1]. The bill of Bravo falls by 60% [2.2]."
    _, differs = written(Says(said), "strong")[0]
    assert (differs.verdict, differs.reason) == (
        "differs",
        "“60%” is not in the sentences cited",
    )


def test_headings_lists_and_tables_are_kept():
    said = (
        "## What they do\n\n- Alpha keeps blocks on disk [1.2]\n- Bravo routes questions [2.1]\n\n"
        "| Paper | Figure |\n|---|---|\n| Alpha | none given |\n| Bravo | 40% less [2.2] |\n\n"
        "No abstract says what it costs.\n"
    )
    sentences, answer = written(Says(said), "strong")
    listed, table, prose = answer.blocks
    assert (listed.form, listed.heading, listed.sentences) == ("list", "What they do", (0, 1))
    assert table.columns == ("Paper", "Figure")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["Alpha", "none given"],
        ["Bravo", ""],
    ]
    assert table.rows[1][1].sentences == (2,)
    assert (prose.form, prose.sentences) == ("prose", (3,))
    assert [s.verdict for s in sentences] == ["quoted", "quoted", "quoted", "unbound"]


def test_a_judge_is_asked_at_the_end_of_what_is_quoted():
    asked: list[tuple[str, str]] = []

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        asked.extend(pairs)
        return [Judgement(0.95), Judgement(0.2)]

    writer = Writer(
        Says("Bravo routes questions to models [2.1]. The bill falls [2.2]."),
        Checker(Words(), judge), load_prompts({}, "strong"), papers=2, timeout_s=5, max_tokens=99,
    )  # fmt: skip
    *_, answer = writer.write(QUOTES, [ALPHA, BRAVO])
    assert isinstance(answer, Answer)
    assert [s.verdict for s in answer.sentences] == ["checked", "quoted"]
    assert asked[1] == ("The bill falls by 40%.", "The bill falls.")


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (Says(ending=GenerationError("was cut off")), "was cut off"),
        (Says("NO ANSWER"), "found no answer in the sources"),
        (Says("Cows of Paris like trains [1]."), "wrote what the sources do not say"),
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


class Turns:
    """A model that gives one answer a call, in turn."""

    name = "strong"
    context_window = 4_000

    def __init__(self, *answers: str):
        self.answers = list(answers)

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        put(self.answers.pop(0))
        put(End(complete=True))
        return lambda: None


def test_what_differs_is_rewritten_once_and_shown_so_where_nothing_differs_then():
    said = "Bravo routes questions to models [2.1]. The bill of Bravo falls by 60% [2.2]."
    writer = Writer(
        Turns(said, "1. The bill of Bravo falls by 40%."),
        Checker(Words()), load_prompts({}, "strong"), papers=2, timeout_s=5, max_tokens=200,
    )  # fmt: skip
    *_, answer = writer.write(QUOTES, [ALPHA, BRAVO])
    assert isinstance(answer, Answer)
    assert [s.verdict for s in answer.sentences] == ["quoted", "quoted"]
    assert answer.sentences[1].text == "The bill of Bravo falls by 40%."
    assert answer.writing
    assert answer.writing.mended == 1


def test_what_still_differs_when_rewritten_is_shown_as_it_was_with_in_what():
    writer = Writer(
        Turns("The bill of Bravo falls by 60% [2.2]. Bravo routes questions [2.1].", "1. By 70%."),
        Checker(Words()), load_prompts({}, "strong"), papers=2, timeout_s=5, max_tokens=200,
    )  # fmt: skip
    *_, answer = writer.write(QUOTES, [ALPHA, BRAVO])
    assert isinstance(answer, Answer)
    assert answer.sentences[0].text == "The bill of Bravo falls by 60%."
    assert answer.sentences[0].reason == "“60%” is not in the sentences cited"
    assert answer.writing
    assert answer.writing.mended == 0


def test_a_judge_says_in_what_a_statement_differs():
    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        return [Judgement(0.0, "says models, not people") for _ in pairs]

    writer = Writer(
        Says("Bravo routes questions to people [2.1]. Alpha keeps blocks on disk [1.2]."),
        Checker(Words(), judge), load_prompts({}), papers=2, timeout_s=5, max_tokens=99,
    )  # fmt: skip
    *_, answer = writer.write(QUOTES, [ALPHA, BRAVO])
    assert isinstance(answer, Answer)
    assert answer.mode == "quote"  # nothing of it stands
