"""What limits follow from a window, and what a name tells of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.llm.window import Limits, Told, window_of_family


@pytest.mark.parametrize(
    ("window", "small", "strong"),
    [(None, 400, 2048), (4096, 400, 1500), (1024, 256, 512), (32_768, 400, 4000), (1_000_000, 400, 4000)],
)  # fmt: skip
def test_a_strong_model_may_write_a_whole_answer(window: int | None, small: int, strong: int):
    assert Limits(ask=lambda: Told(window)).max_tokens == small
    assert Limits(strong=True, ask=lambda: Told(window)).max_tokens == strong


@given(st.integers(256, 2_000_000), st.booleans())
def test_half_of_the_window_is_left_for_sources(window: int, strong: bool):
    limits = Limits(window, strong=strong)
    assert 0 < limits.max_tokens <= window // 2


def test_what_is_not_final_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch):
    now, told = 0.0, [Told(4096, is_final=False), Told(32_768), Told(1)]
    monkeypatch.setattr("footnote.rag.llm.window.time.monotonic", lambda: now)
    limits = Limits(ask=lambda: told.pop(0))
    assert [limits.context_window for _ in range(3)] == [4096] * 3
    now = 6.0
    assert [limits.context_window for _ in range(3)] == [32_768] * 3
    now = 99.0
    assert limits.context_window == 32_768


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("gpt-4o-mini", 128_000),
        ("gpt-4", 8_192),
        ("anthropic/claude-sonnet-4.5", 200_000),
        ("meta-llama/Llama-3.1-8B-Instruct", 131_072),
        ("Llama-3-8B", 8_192),
        ("o3-mini", 200_000),
        ("foo3", None),
        ("my-own", None),
    ],
)
def test_the_longest_family_in_a_name_counts(name: str, window: int | None):
    assert window_of_family(name) == window
