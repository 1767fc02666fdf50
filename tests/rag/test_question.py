import pytest

from rag.question import Kind, kind_of, names_in


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
        ("Compare S-LoRA and DeltaZip", Kind.COMPARISON),
        ("GPipe vs PipeDream: memory", Kind.COMPARISON),
        ("What is the difference between LoRA and MoS?", Kind.COMPARISON),
        ("What is NanoFlow?", Kind.FACT),
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
