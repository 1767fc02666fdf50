"""An index that a released version made opens for ever, or says what to do.

A fixture a format, made by `footnote backup` of a program that wrote it, of five papers in our own
words; the newest is that of the program's own format.
"""

import shutil
from pathlib import Path

import pytest

from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.errors import IndexMismatchError
from footnote.rag.index.archive import restore
from footnote.rag.index.snapshot import FORMAT_VERSION
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
RELEASED = sorted((ROOT / "tests" / "fixtures").glob("index-*.backup"))


def test_there_is_one_of_this_format():
    assert f"index-{FORMAT_VERSION}.backup" in [file.name for file in RELEASED]


@pytest.mark.parametrize("released", RELEASED, ids=lambda file: file.stem)
def test_what_a_released_version_indexed_answers_or_says_to_rebuild(tmp_path: Path, released: Path):
    config = load_config(index=tmp_path / "index")
    restore(Path(shutil.copy(released, tmp_path)), config.index)
    if released.stem != f"index-{FORMAT_VERSION}":
        with pytest.raises(IndexMismatchError, match="run `footnote rebuild`"):
            open_assistant(config)
        index = open_index(config)
        with IndexWriter(index).holding():
            IndexWriter(index).rebuild(unwatched)
    assert open_index(config).problems() == []
    answer = open_assistant(config).ask("How much less did training cost with Tidal?")
    quotes = [cited.quote for sentence in answer.sentences for cited in sentence.citations]
    assert "Over a year it cost 28% less and ended nine days later." in quotes
