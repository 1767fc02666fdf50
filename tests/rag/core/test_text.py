import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.rag.core.text import (
    closest,
    fold,
    has_address,
    identity_key,
    sentence_spans,
    words,
)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("No end", ["No end"], id="no-full-stop"),
        pytest.param("It is fast. It is small.", ["It is fast.", "It is small."], id="two"),
        pytest.param("Up by 2.5× vs. FP16. Good.", ["Up by 2.5× vs. FP16.", "Good."], id="vs"),
        pytest.param(
            "See Smith et al. (2020). End.", ["See Smith et al. (2020).", "End."], id="al"
        ),
        pytest.param(
            "Models, e.g. BERT, win. Yes.", ["Models, e.g. BERT, win.", "Yes."], id="e.g."
        ),
        pytest.param(
            "LLaMA, Qwen, etc.. With it, 2×.", ["LLaMA, Qwen, etc..", "With it, 2×."], id="etc"
        ),
        pytest.param(
            "Two gaps: 1) I/O. 2) GPUs idle.", ["Two gaps: 1) I/O.", "2) GPUs idle."], id="list"
        ),
        pytest.param("It wins. vLLM loses.", ["It wins.", "vLLM loses."], id="name-in-lower-case"),
    ],
)
def test_sentences(text: str, expected: list[str]):
    assert sentences(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aB1 .!?()\n×²%", max_size=200))
def test_sentences_leave_only_space_between_them(text: str):
    spans = sentence_spans(text)
    ends = [0, *[end for _, end in spans]]
    starts = [*[start for start, _ in spans], len(text)]
    assert all(not text[a:b].strip() for a, b in zip(ends, starts, strict=True))
    assert all(text[a:b] == text[a:b].strip() != "" for a, b in spans)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("M³ViT: Mixture", "M3VIT -- mixture"),
        ("Naïve Bayes", "naive bayes"),
        ("COMET", "Comet"),
        ("𝙰lpha", "Alpha"),
    ],
)
def test_spellings_of_one_title_share_a_key(one: str, other: str):
    assert identity_key(one) == identity_key(other) != ""


def test_a_number_keeps_its_fraction():
    assert words("1.91× at 3,072 GPUs: GPT-4") == ["1.91", "at", "3,072", "gpus", "gpt", "4"]


@given(st.text(st.characters(codec="ascii")))
def test_plain_text_folds_as_it_does_beside_an_accent(text):
    assert fold(f"{text} é") == f"{fold(text)} e"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("nanoflwo: towards fast servng", "NanoFlow: Towards Fast Serving"),
        ("NanoFlow", "NanoFlow: Towards Fast Serving"),
        ("naive baies", "Naïve Bayes"),
        ("Diffusion of Ink in Water", None),
        ("ow", None),
        ("", None),
    ],
)
def test_the_closest_name_is_the_one_that_was_meant(asked: str, meant: str | None):
    names = ["NanoFlow: Towards Fast Serving", "Naïve Bayes", "Attention in Trees"]
    assert closest(asked, names) == meant


def test_among_no_names_none_is_close():
    assert closest("NanoFlow", []) is None


def test_sentences_are_split_without_what_nltk_imports_else_and_nltk_is_whole_after():
    code = """
import sys
from footnote.rag.core.text import sentence_spans
print(len(sentence_spans("It is by Li et al. and works. It is fast.")), "scipy" in sys.modules)
import nltk
print(len(nltk.sent_tokenize.__name__), nltk.tokenize.punkt.PunktSentenceTokenizer.__name__)
print(len(sentence_spans("It is one. It is two. It is three.")))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.split() == [
        "2", "False", "13", "PunktSentenceTokenizer", "3",
    ], run.stderr  # fmt: skip


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("Code is at https://github.com/a/b.", True),
        ("See github.com/a/b.", True),
        ("See www.a.org", True),
        ("We use scikit-learn. A.B. et al. say 3.5/4 of it.", False),
        ("Input/output, e.g. of a .com domain", False),
        ("", False),
    ],
)
def test_a_web_address_is_known_by_its_form(text: str, *, is_told: bool):
    assert has_address(text) is is_told
