"""What several rooms' tests share: the shared corpus, and one index of the bundled sample."""

from pathlib import Path

import pytest

from ingest.pipeline import ingest
from rag.assistant import Assistant
from rag.build import open_assistant, open_index
from rag.config import Config, load_config

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "ingest" / "sample" / "digests.jsonl"
SHARED = ROOT.parent / "shared"
PAGES = SHARED / "corpus" / "pages"

needs_shared = pytest.mark.skipif(not PAGES.is_dir(), reason="../shared is not on this machine")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see no settings file or variable of the person who runs them."""
    for name in ("FOOTNOTE_CONFIG", "FOOTNOTE_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def built_index(folder: Path, *paths: Path) -> Config:
    config = load_config(index=folder)
    ingest(paths, open_index(config, create=True), lambda *_: None)
    return config


@pytest.fixture(scope="session")
def sample_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings whose index holds the bundled sample; read it, do not change it."""
    return built_index(tmp_path_factory.mktemp("sample"), SAMPLE)


@pytest.fixture(scope="session")
def assistant(sample_config: Config) -> Assistant:
    return open_assistant(sample_config)


@pytest.fixture(scope="session")
def pages_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings whose index holds the five shared pages."""
    if not PAGES.is_dir():
        pytest.skip("../shared is not on this machine")
    return built_index(tmp_path_factory.mktemp("pages"), PAGES)
