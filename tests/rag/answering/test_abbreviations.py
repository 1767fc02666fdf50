"""What abbreviations stand for, by the texts that write them out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.answering.abbreviations import called_too, is_written_out
from footnote.rag.core.text import words


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        ("MoE", "We train a Mixture-of-Experts (MoE) model.", "Mixture-of-Experts"),
        ("mixture of experts", "We train mixture of experts (MoE) models.", "MoE"),
        ("llms", "Large language models (LLMs) are large.", None),
        ("LLM", "Large language models (LLMs) are large.", "Large language models"),
        ("KV", "The cache of keys and values (KV) grows.", "keys and values"),
        ("PIM", "We use processing-in-memory (PIM).", "processing-in-memory"),
        # Letters within a word.
        ("LoRA", "We use Low-Rank Adaptation (LoRA).", "Low-Rank Adaptation"),
        # No words before it have its letters.
        ("GPU", "It is fast (GPU).", None),
        # A word in parentheses that is no abbreviation.
        ("the", "Take the horse (the) of it.", None),
        ("MoE", "", None),
    ],
)
def test_a_name_is_called_what_a_text_writes_it_out_as(name: str, text: str, other: str | None):
    assert called_too(name, [text], words) == other


def test_what_most_texts_say_counts():
    texts = ["Parallel inference machine (PIM).", *["Processing in memory (PIM)."] * 2]
    assert called_too("PIM", texts, words) == "Processing in memory"


@given(st.text("aA1 (-)MoE", max_size=60))
def test_any_text_is_read(text: str):
    other = called_too("MoE", [text], words)
    assert other is None or other in text


@pytest.mark.parametrize(
    ("name", "title", "is_it"),
    [
        ("zero bubble PP", "Zero Bubble Pipeline Parallelism", True),
        ("PP offload", "Pipeline Parallelism Offload: Scaling", True),
        ("zero bubble PP", "Zero Bubble Planning", False),
        ("zero bubble pp", "Zero Bubble Pipeline Parallelism", False),  # may be any word
        ("PP", "Pipeline Parallelism", False),  # short for too much
        ("KV cache", "A KV Cache", True),
        ("KV cache", "Kernel Vision Cache", True),
        ("", "Zero Bubble", False),
    ],
)
def test_a_title_that_writes_an_abbreviation_of_a_name_out(name: str, title: str, is_it: bool):
    assert is_written_out(name, title) is is_it
