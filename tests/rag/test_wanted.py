"""The quantity a question wants, and whether a text states one like it."""

import pytest

from rag.wanted import states, wanted


@pytest.mark.parametrize(
    ("question", "said", "not_said"),
    [
        ("How many watts does the node draw?", "It draws 300 W.", "It runs at 300 K."),
        ("power draw of the prefill node", "At 0.7 kW it is cool.", "It is 1.9× faster."),
        ("What dose was given to the mice?", "Mice got 5 mg/kg a day.", "Mice got it twice a day."),
        ("How long does training take?", "Training takes 2 days.", "Training takes 8 GPUs."),
        ("How much energy is saved?", "Energy falls by 42%.", "Energy falls a lot."),
        ("what does it cost per patient", "Care costs $1,200.", "Care costs little."),
        ("median survival in weeks", "They lived 3 months.", "They lived longer."),
        ("how many tokens per second", "It decodes 50 tokens/s.", "It read 50 tokens."),
        ("What frame rate, in frames per second?", "It runs at 30 FPS.", "It reads 30 frames."),
    ],
)
def test_a_quantity_in_the_unit_answers(question: str, said: str, not_said: str):
    [want, *_] = wanted(question)
    assert states(["Nothing here.", said], want)
    assert not states([not_said], want)


@pytest.mark.parametrize(
    "question",
    [
        "How much faster is it?",
        "What speedup does Alpha reach?",
        "How many layers does it have?",
        "Which results were seen in us adults?",
        "",
    ],
)
def test_other_questions_want_no_unit(question: str):
    assert wanted(question) == []
