"""Without torch, and what comes with it, papers are taken in and answered from all the same."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LEFT_OUT = {"torch", "transformers", "sentence-transformers", "scikit-learn"}
# As of a processor that computes in bfloat16, where torch reads documents if it is there.
_RUN = """
import sys
from importlib.machinery import PathFinder
left_out = {"torch", "transformers", "sentence_transformers", "sklearn"}
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name in left_out else find(name, *more)
import footnote.rag.index.embedding as embedding
embedding.computes_in_bfloat16 = lambda: True
from footnote.ui.cli import main
sys.argv = ["footnote", *sys.argv[1:]]
main()
"""
REFS = r"""
@article{alpha,
  title = {Alpha: A Cache on Disk},
  abstract = {Alpha keeps the cache of a language model on disk. It serves 40\% more requests.},
  year = {2024},
}
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_papers_are_taken_in_and_answered_from_without_torch(tmp_path: Path):
    (tmp_path / "refs.bib").write_text(REFS)
    taken_in = run(tmp_path, "ingest", "refs.bib")
    assert "1 paper: 1 added" in taken_in.stdout, taken_in.stderr
    asked = run(tmp_path, "ask", "Where does Alpha keep the cache?")
    assert "Alpha keeps the cache of a language model on disk. [1]" in asked.stdout, asked.stderr
    assert "no GPU" in run(tmp_path, "setup").stdout


@pytest.mark.slow
def test_a_model_that_needs_torch_says_what_to_install(tmp_path: Path):
    (tmp_path / "refs.bib").write_text(REFS)
    (tmp_path / "my.yaml").write_text("embedder: {name: some/model}")
    failed = run(tmp_path, "ingest", "refs.bib", "--config", "my.yaml")
    assert failed.returncode == 1
    assert "'some/model' is read by sentence-transformers, which is not installed" in failed.stderr
    assert "pip install sentence-transformers" in failed.stderr


def test_the_page_names_all_that_the_light_install_needs(tmp_path: Path):
    """Its second command writes what `pyproject.toml` asks for, without those five."""
    page = (ROOT / "docs" / "install.md").read_text()
    [block] = re.findall(r"```sh\n(pip install --no-deps .*?)```", page, re.DOTALL)
    alone, listing, rest = block.strip().split("\n")
    python, shown = listing.removeprefix("python "), tmp_path / "light.txt"
    assert rest == "pip install -r light.txt"
    subprocess.run(f"{shlex.quote(sys.executable)} {python}", shell=True, cwd=tmp_path, check=True)  # noqa: S602
    listed = {re.split("[<>=!]", line)[0] for line in shown.read_text().split("\n") if line}
    import tomllib

    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split("[<>=]", each)[0] for each in asked}
    [own, model] = alone.removeprefix("pip install --no-deps ").split()
    assert model in asked
    assert own == "footnote-papers"
    assert listed == names - LEFT_OUT - {model.partition("==")[0]}
