"""A question from the command line loads what it uses, and no more."""

import subprocess
import sys

import pytest

from footnote.rag.core.config import Config

_HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "sklearn",
    "scipy",
    "pandas",
    "gradio",
    "llama_index",
    "sqlalchemy",
    "chromadb",
    "onnx",
    "ray",
}
_ASK = """
import sys
from footnote.ui.cli import main
sys.argv = ["footnote", *sys.argv[1:]]
try:
    main()
finally:
    sys.stderr.write(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_question_loads_nothing_that_it_does_not_use(sample_config: Config, command: str):
    arguments = [command, "What throughput does NanoFlow reach?", "--index", sample_config.index]
    found = subprocess.run(
        [sys.executable, "-c", _ASK, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "NanoFlow" in found.stdout
    loaded = set(found.stderr.split())
    assert "onnxruntime" in loaded
    assert not loaded & _HEAVY
