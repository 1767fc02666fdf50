import pytest

from footnote.rag.core.errors import QuestionError
from footnote.rag.core.request import Kind
from footnote.rag.understanding.question import (
    check_question,
    is_english,
    kind_of,
    names_in,
    sub_questions,
    unusual_words,
)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Which papers deal with gradient compression?", Kind.SURVEY),
        ("list the systems that offload experts to disk", Kind.SURVEY),
        ("Methods for pruning vision transformers", Kind.SURVEY),
        ("Who has looked at FP8 training?", Kind.SURVEY),
        ("ways to cut the bubble of pipelines", Kind.SURVEY),
        ("How much faster is Zeppelin?", Kind.NUMBER),
        ("By what percentage does it shrink the cache?", Kind.NUMBER),
        ("what speedup over the baseline", Kind.NUMBER),
        ("average share of misses that it removes", Kind.NUMBER),
        ("response rate of the survey", Kind.NUMBER),
        ("Compare S-LoRA and DeltaZip", Kind.COMPARISON),
        ("GPipe vs PipeDream: memory", Kind.COMPARISON),
        ("What is the difference between LoRA and MoS?", Kind.COMPARISON),
        ("What is NanoFlow?", Kind.FACT),
        ("What is wrong with it, and what do the authors propose?", Kind.FACT),
        ("What do researchers say about stragglers?", Kind.SURVEY),
        ("Why do experts collapse?", Kind.EXPLANATION),
        ("", Kind.EXPLANATION),
    ],
)
def test_kind(question: str, kind: Kind):
    assert kind_of(question) is kind


@pytest.mark.parametrize("filler", ["-" * 4_000, "a" * 4_000, "- " * 2_000, "a " * 2_000])
def test_no_question_takes_forever(filler: str):
    # Found by a row of 60 hyphens, which hung the whole page.
    assert kind_of(f"which {filler} is best?") in Kind
    assert kind_of(f"what is {filler} b c d e") in Kind


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


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is Alpha and how fast is it?", ["What is Alpha", "how fast is it?"]),
        ("what does it add, and by how much?", ["what does it add,", "by how much?"]),
        ("When caches grow, they thrash. What helps?", ["What helps?"]),
        (
            "Alpha: where are pages kept? Who reads them?",
            ["where are pages kept?", "Who reads them?"],
        ),
        ("bread and butter", []),
        ("", []),
    ],
)
def test_sub_questions(question: str, parts: list[str]):
    assert [question[start:end] for start, end in sub_questions(question)] == parts


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
