import pytest

from rag.followup import in_full, leans_back


@pytest.mark.parametrize(
    "question",
    [
        "and its memory use?",
        "What did that bring for Falcon-180B?",
        "By how much does it cut latency?",
        "How much lower is latency with it?",
        "And on the Nvidia Jetson GPU?",
        "Is that one used in production?",
        "what is its throughput gain over the NPU?",
        "why?",
        "what about energy",
        "How large was the latter?",
    ],
)
def test_it_leans_on_what_was_said(question: str):
    assert leans_back(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is NanoFlow?",
        "Which papers propose systems that offload experts to disk?",
        "Is it possible to train without a learning rate schedule?",
        "How does gradient compression affect convergence of training?",
        "What throughput does DistServe reach?",
        "Does quantization so fine that scales are per row pay off?",
    ],
)
def test_it_stands_alone(question: str):
    assert not leans_back(question)


def test_no_question_takes_forever():
    assert not leans_back("Does the " * 800 + "x" * 100)


def test_in_full():
    assert in_full("and its cost?", "Alpha: A Cache") == "Alpha: A Cache: and its cost?"
