import pytest

from footnote.rag.understanding.dialogue import leans_back, rewrite


@pytest.mark.parametrize(
    "question",
    [
        "and its memory use?",
        "What did that bring for Falcon-180B?",
        "By how much does it lower the bill?",
        "How much lower is latency with it?",
        "And on the Nvidia Jetson GPU?",
        "Is that one used in production?",
        "what is its throughput gain over the NPU?",
        "why?",
        "what about energy",
        "How large was the latter?",
        "What speedup does it get for BERT and ViT?",
        "And how much less storage for the older ones?",
        "ok and how far does it shrink on the larger set then, at what loss?",
        "How much lower is the error rate with it?",
        "Which two properties does the bound have that they built to avoid this?",
        "how many times faster is it there, and what does the variant get?",
    ],
)
def test_it_leans_on_what_was_said(question: str):
    assert leans_back(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is NanoFlow?",
        "HybriMoE or ExpertFlow: what does each do and how fast are they?",
        "In NanoFlow, how much memory does it use?",
        "How are caches shared between tenants, and how fast is it?",
        "Our GPUs are idle at night. Can they be lent?",
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


def test_a_rewritten_question_has_its_topic_in_front():
    assert rewrite("and its cost?", "Alpha: A Cache") == "Alpha: A Cache: and its cost?"


def test_a_long_topic_is_cut_and_the_question_is_not():
    assert rewrite("and why?", "word " * 800).endswith("word word: and why?")
    assert len(rewrite("and why?", "word " * 800)) < 520
