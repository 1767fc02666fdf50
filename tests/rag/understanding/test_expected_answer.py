"""The type of answer that a question expects, and texts that state one and do not."""

import pytest

from footnote.rag.core.text import words
from footnote.rag.understanding.expected_answer import expected_answers, states


def terms(text: str) -> list[str]:
    """Words without the plural's s, as a stemmer would give them."""
    return [word.removesuffix("s") for word in words(text)]


@pytest.mark.parametrize(
    ("question", "said", "not_said"),
    [
        ("How many watts does the node draw?", "It draws 300 W.", "It runs at 300 K."),
        ("median survival in weeks", "They lived 3 months.", "They lived longer."),
    ],
)
def test_a_quantity_in_the_unit_answers(question: str, said: str, not_said: str):
    [expected, *_] = expected_answers(question)
    assert states(["Nothing here.", said], expected, terms)
    assert not states([not_said], expected, terms)


@pytest.mark.parametrize(
    ("question", "said", "not_said"),
    [
        ("How many layers does it have?", "It has 24 layers.", "Its layers are thin."),
        ("number of routed experts per block", "A block has 256 experts.", "Experts are routed."),
        ("parameter count (millions)", "A 32 M parameter model.", "Its parameters are few."),
        ("Which LoRA rank was used?", "A rank of 16 is best.", "Ranks of adapters are mixed."),
        ("Which peak rate turned out best?", "A rate of 3 is best.", "Rates are scaled."),
        ("what is the peak learning rate", "The rate was 0.01.", "It scales the learning rate."),
        ("On how many GPUs?", "It ran on eight GPUs.", "GPUs were used for all of the 8 tasks."),
        ("How many GPUs does it need?", "It fits a single 16 GB GPU.", "A GPU may be one of many."),
        ("How many users are there?", "It serves thousands of users.", "Its users are one."),
        ("What's the batch size?", "Its batch size is 8.", "Its batch size grows."),
        ("What rank does it use?", "Its rank-1 form is best.", "It has a low-rank form."),
        ("joules per request", "Each takes 3 J.", "Each takes 3 s."),
        ("planning: seconds needed per molecule", "It takes 0.5 s.", "It takes 300 steps."),
        ("thickness in millimeters", "It is 3 mm thick.", "It weighs 3 kg."),
    ],
)
def test_what_is_counted_or_set_must_be_said(question: str, said: str, not_said: str):
    found = expected_answers(question)
    assert found
    assert all(states(["Nothing here.", said], expected, terms) for expected in found)
    assert not any(states([not_said], expected, terms) for expected in found)


def test_a_number_four_words_away_is_beside():
    [expected] = expected_answers("how many layers")
    assert states(["12 wide, very deep layers"], expected, terms)
    assert not states(["12 wide and very deep layers"], expected, terms)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What is the number of layers of Alpha?", ["say how many layers"]),
        ("How many deep layers has it?", ["say how many deep layers"]),
        ("What is its parameter count?", ["state a “parameter count”"]),
        ("What learning rate is used?", ["state a number for “learning rate”"]),
    ],
)
def test_what_is_expected_is_said_once_and_in_few_words(question: str, words: list[str]):
    assert [expected.words for expected in expected_answers(question)] == words


@pytest.mark.parametrize(
    "question",
    [
        "How much faster is it?",
        "Who funded it, and how long did it take?",
        "What speedup does Alpha reach?",
        "What does it cost in accuracy?",
        "How many of the queries are served?",
        "cut to 5 milliseconds?",
        "By how many points does it beat the baseline?",
        "What learning rate schedule should I use?",
        "Which distance metric is best?",
        "Does it need a second pass?",
        "Which results were seen in us adults?",
        "",
    ],
)
def test_other_questions_expect_no_unit(question: str):
    assert expected_answers(question) == []
