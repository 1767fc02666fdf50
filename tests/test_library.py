"""The public face: what a program imports, and what it then can do."""

import subprocess
import sys
from pathlib import Path

import pytest

import footnote
from footnote import Answer, FootnoteError, Library

pytestmark = pytest.mark.slow

BIBTEX = """\
@article{alpha,
  title = {Alpha: A Cache on Disk},
  abstract = {Alpha keeps the cache of a language model on disk. It serves 40\\% more requests.},
  year = {2024},
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("library")
    file = folder / "references.bib"
    file.write_text(BIBTEX)
    library = Library.open(folder / "index")
    assert library.papers() == []
    assert library.add(file).added == 1
    return library


def test_what_was_added_is_asked(library: Library):
    answer = library.ask("Where does Alpha keep the cache?")
    [paper] = library.papers()
    citations = [citation for sentence in answer.sentences for citation in sentence.citations]
    assert [paper.abstract[c.start : c.end] for c in citations] == [c.quote for c in citations]
    assert "Alpha keeps the cache of a language model on disk." in [c.quote for c in citations]


def test_a_stream_ends_with_the_answer_that_ask_gives(library: Library):
    question = "Where does Alpha keep the cache?"
    *_, last = library.stream(question)
    assert isinstance(last, Answer)
    assert last == library.ask(question)


def test_search_finds_the_paper(library: Library):
    [hit] = library.search("cache on disk", k=3)
    assert hit.paper.title == "Alpha: A Cache on Disk"


def test_what_is_added_later_is_seen_by_the_next_question(library: Library, tmp_path: Path):
    file = tmp_path / "more.jsonl"
    file.write_text('{"title": "Beta", "abstract": "Beta sorts keys by radix. It takes 3 ms."}\n')
    library.ask("cache")
    library.add(file)
    assert library.search("radix sort of keys")[0].paper.title == "Beta"


def test_an_empty_library_says_what_to_do(tmp_path: Path):
    with pytest.raises(FootnoteError, match="index"):
        Library.open(tmp_path / "none").ask("anything?")


def test_no_settings_file_of_the_working_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "config.yaml").write_text("answering: {papers: 1}\n")
    monkeypatch.chdir(tmp_path)
    assert Library.open(tmp_path / "index").config.answering.papers != 1


def test_the_public_names_are_sorted_and_there():
    assert footnote.__all__ == sorted(footnote.__all__)
    assert dir(footnote) == footnote.__all__
    for name in footnote.__all__:
        assert getattr(footnote, name) is not None
    with pytest.raises(AttributeError, match="Libary"):
        _ = footnote.Libary


def test_importing_the_package_loads_no_library():
    code = (
        "import sys, footnote; sys.exit({'numpy', 'torch', 'pydantic'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
