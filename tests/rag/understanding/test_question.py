import pytest

from footnote.rag.core.errors import QuestionError
from footnote.rag.understanding.question import (
    check_question,
    is_english,
    names_in,
    unusual_words,
)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("How does RWKV replace attention?", ["RWKV"]),
        ("What does Medusa add to vLLM and LLaMA-2-70B?", ["Medusa", "vLLM", "LLaMA-2-70B"]),
        ("Does it fit in RAM of two GPUs?", []),
        ("Wie viele Aufgaben enthält der Benchmark EvalPerf?", ["EvalPerf"]),
        ("how fast is it", []),
    ],
)
def test_names(question: str, names: list[str]):
    assert names_in(question) == names


@pytest.mark.parametrize(
    ("question", "unusual"),
    [
        ("How is the plasma of a tokamak held?", ["tokamak"]),
        ("Does erenumab help?", ["erenumab"]),
        ("Is a sloppier and lazily swapping index watermarked?", ["watermarked"]),
        ("How is trafic waht it was?", []),
        ("Which sidekick reads 4096 words?", []),
        (f"what of {'a' * 3_980}", ["a" * 3_980]),  # took a minute and a gigabyte
        ("", []),
    ],
)
def test_words_that_english_seldom_has(question: str, unusual: list[str]):
    assert unusual_words(question) == unusual


@pytest.mark.parametrize(
    ("question", "english"),
    [
        ("speculative decoding papers", True),
        ("training throughput on Cerebras", True),
        ("beste Verfahren gegen Kompression", False),
        ("Quelle accélération obtient NanoFlow ?", False),
        ("LoRA", False),
        ("", False),
    ],
)
def test_keywords_can_be_english_too(question: str, english: bool):
    assert is_english(question) is english


def test_a_question_is_read_as_one_line_of_text():
    assert check_question("  how\n fast \udcff? ", max_chars=20) == "how fast ??"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "the question is empty; ask it in words"),
        (" ?!\n", "the question is empty; ask it in words"),
        ("a" * 1_001, "question of 1,001 characters, at most 1,000; shorten it, or raise"),
    ],
)
def test_a_question_that_cannot_be_asked(question: str, said: str):
    with pytest.raises(QuestionError, match=f"^{said}"):
        check_question(question, max_chars=1_000)
