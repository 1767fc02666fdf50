"""The networks that read lines: computed as torch computes it, and written with its card."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.core.request import Act
from footnote.rag.understanding import reader as reader_module
from footnote.rag.understanding.encoder import encode, encode_sentence, tokens_of
from footnote.rag.understanding.reader import FOLDER, load_reader, shared_words

LINE, BEFORE = "papers on tidal barrages since 2023?", "what is a tidal barrage"


@pytest.mark.slow
def test_it_reads_as_the_networks_that_were_fitted(tmp_path, monkeypatch: pytest.MonkeyPatch):
    import torch  # takes seconds to load, and no other test here needs it

    from footnote.eval.train_reader import CLASSES, Example, Network, read, write_reader

    torch.manual_seed(1)
    networks = [Network(384).eval() for _ in range(2)]
    monkeypatch.setattr("footnote.eval.train_reader.FOLDER", tmp_path)
    monkeypatch.setattr(reader_module, "FOLDER", tmp_path)
    write_reader(networks, {})
    loaded = load_reader.__wrapped__()
    for text, before in ((LINE, None), (LINE, BEFORE), ("it?", BEFORE)):
        fitted = read(networks, Example(text, "", before=before))
        earlier = (before, encode(before)) if before else None
        found = loaded.read(text, encode(text), earlier)
        assert max(found.kinds, key=found.kinds.__getitem__) == CLASSES["kind"][fitted.kind]
        assert found.operation == CLASSES["operation"][fitted.operation]
        assert found.act == CLASSES["act"][fitted.act]
        assert found.labels == tuple(CLASSES["label"][at] for at in fitted.label)


def test_the_first_line_is_new():
    assert load_reader().read("and its cost?", encode("and its cost?")).act is Act.NEW


def test_words_shared_with_the_line_before_are_counted():
    # Two of five words, `tidal` and none else, of `papers on tidal barrages since 2023`.
    shared = shared_words(LINE, BEFORE)
    assert shared == pytest.approx([1 / 3, 5 / 5, 6 / 8])


@given(st.text(max_size=300))
def test_each_word_of_any_text_has_a_state(text: str):
    tokens = tokens_of(text)
    assert [text[slice(*t.span)] for t in tokens] == [t.text for t in tokens]
    encoded = encode(text)
    assert encoded.states.shape == (len(encoded.tokens), 384)
    assert np.isfinite(encoded.states).all()
    norms = np.linalg.norm(encoded.states, axis=1)
    assert np.all(np.isclose(norms, 1, atol=1e-3) | (norms == 0))


def test_of_a_long_text_the_first_words_are_read():
    encoded = encode("tides rise " * 20_000)
    assert len(encoded.tokens) == 128
    assert load_reader().read("tides", encoded).labels


def test_the_card_says_of_what_lines_and_how_good():
    card = json.loads((FOLDER / "reader.json").read_text(encoding="utf-8"))["card"]
    assert card["lines"] > 2_000
    for name in ("kind", "operation", "act"):
        assert {"accuracy", "macro F1", "confusion (rows: labelled)"} <= card[name].keys()
    assert card["spans"]["sides"]["F1"] > 0.5


def test_a_sentence_is_read_as_a_line_is():
    for text in ("", "Alpha keeps blocks on disk, which saves 40% of the memory."):
        np.testing.assert_allclose(encode_sentence(text), encode(text).states, atol=1e-4)
