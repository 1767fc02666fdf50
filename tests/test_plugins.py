"""What other installed packages add, by every door that takes it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from footnote.export.forms import export, export_papers, plugged_forms
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import read_source
from footnote.ingest.sources.plugged import plugged
from footnote.rag.core.errors import PluginError
from footnote.rag.core.plugins import Group, find, installed, problems
from footnote.rag.core.records import Answer, Source
from footnote.rag.index.embedding import load_embedder
from footnote.rag.retrieval.cross_encoder import load_cross_encoder
from footnote.rag.verification.judges import load_judge
from footnote.ui.turn import turn_html
from footnote.ui.wording import wording
from tests.conftest import ROOT, Run
from tests.made import paper

Install = Callable[..., Path]
EXAMPLE = ROOT / "examples" / "footnote-endnote"
GOOD = '{"title": "Alpha", "abstract": "Alpha keeps the cache on disk."}\n'
LIBRARY = """<?xml version="1.0"?><xml><records><record><titles><title>Alpha</title></titles>
<abstract>Alpha keeps the cache on disk.</abstract></record></records></xml>"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay a distribution of one module where Python imports from."""

    def lay(group: Group, code: str, *, name: str = "own", package: str = "added") -> Path:
        site = tmp_path / "site"
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{package}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {package}\n")
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, package, raising=False)
        plugged.cache_clear()
        plugged_forms.cache_clear()
        return site

    yield lay
    for package in ("added", "other"):
        sys.modules.pop(package, None)
    plugged.cache_clear()
    plugged_forms.cache_clear()


@pytest.mark.slow
def test_the_example_is_installed_named_and_used(tmp_path: Path):
    # A copy: what a build leaves behind is left there.
    target, source = tmp_path / "target", tmp_path / "source"
    shutil.copytree(EXAMPLE, source)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--disable-pip-version-check", "--target", target, source),
        ],
        check=True,
    )

    def run(*arguments: object) -> str:
        return subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def footnote(*arguments: object) -> str:
        return run("footnote.ui.cli", *arguments)

    assert "6 passed" in run("pytest", "-p", "no:cacheprovider", source / "tests")
    rows = json.loads(footnote("plugins", "--json"))
    assert [(row["group"], row["name"], row["problem"]) for row in rows] == [
        ("footnote.sources", "endnote-xml", None),
        ("footnote.exporters", "endnote", None),
    ]
    (tmp_path / "library.xml").write_text(LIBRARY)
    index = ("--index", tmp_path / "index")
    assert "1 added" in footnote("ingest", tmp_path / "library.xml", *index)
    assert footnote("papers", "--format", "endnote", *index) == (
        "%0 Journal Article\n%T Alpha\n%X Alpha keeps the cache on disk.\n\n"
    )


def test_a_package_that_cannot_be_imported_is_said_in_a_line(install: Install, footnote: Run):
    install(Group.SOURCES, "raise RuntimeError('no\\nlicence')")
    [problem] = problems()
    assert problem == (
        "plugin 'own' of added 1.0 cannot be loaded: RuntimeError: no licence; "
        "update or uninstall it"
    )
    done = footnote("plugins")
    assert "added 1.0" in done.stdout
    assert problem in done.stderr


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import none_of_this_name", "x = ("])
def test_whatever_a_package_does_at_import_the_others_are_listed(install: Install, code: str):
    install(Group.SOURCES, code)
    assert len(problems()) == len(installed()) == 1


def test_what_lacks_a_part_is_named_with_it(install: Install):
    install(Group.EXPORTERS, "ENDING = 'x'")
    [problem] = problems()
    assert "has no MEDIA_TYPE, entries" in problem


def test_two_of_one_name_are_not_chosen_between(install: Install):
    install(Group.JUDGES, "")
    install(Group.JUDGES, "", package="other")
    with pytest.raises(PluginError, match=r"added 1\.0 and other 1\.0 both have a plugin 'own'"):
        find(Group.JUDGES, "own")


def test_the_working_folder_adds_nothing(install: Install, monkeypatch: pytest.MonkeyPatch):
    site = install(Group.SOURCES, "raise RuntimeError")
    assert len(installed()) == 1
    monkeypatch.chdir(site)
    assert installed() == []


def test_of_two_that_are_called_the_same_the_first_on_the_path_counts(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    install(Group.JUDGES, "")
    for version, entries in (("3.0", ""), ("2.0", "[any]\nx = y\n"), ("", "")):
        first = tmp_path / f"first{version}"
        info = first / f"added-{version or '4.0'}.dist-info"
        info.mkdir(parents=True)
        named = f"Name: added\nVersion: {version}\n" if version else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{named}")
        if entries:
            (info / "entry_points.txt").write_text(entries)
        with monkeypatch.context() as patched:
            patched.syspath_prepend(first)
            assert [p.distribution for p in installed()] == ([] if version else ["added 1.0"])


@pytest.mark.parametrize("said", [b"[any]\nno value\n", b"[any]\nname = \xff\n"])
def test_a_package_whose_entry_points_cannot_be_read_is_passed_over_and_named(
    install: Install, said: bytes
):
    install(Group.JUDGES, "", package="other")
    site = install(Group.SOURCES, "def detects(head): ...\ndef parse(lines, source): ...")
    (site / "other-1.0.dist-info" / "entry_points.txt").write_bytes(said)
    assert [plugin.distribution for plugin in installed()] == ["added 1.0"]
    [problem] = problems()
    assert problem.startswith("the entry points of other 1.0 cannot be read: ")
    assert problem.endswith("; update or uninstall it")


def test_a_working_folder_that_was_deleted_stops_nothing(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    install(Group.SOURCES, "")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    monkeypatch.syspath_prepend("beside")
    (tmp_path / "gone").rmdir()
    assert [plugin.name for plugin in installed()] == ["own"]


SOURCE = """
from footnote.plugins import SourceRecord, Sighting
def detects(head): return head[0].text == "own"
def parse(lines, source):
    for line in list(lines)[1:]:
        yield SourceRecord(title=line.text, abstract="It is a text that is long enough.", sighting=Sighting(source=source))
"""


def read(folder: Path, text: str) -> list[SourceRecord | Refusal]:
    (folder / "file").write_text(text)
    return list(read_source(folder / "file", "file"))


def test_a_format_of_a_plugin_is_read(install: Install, tmp_path: Path):
    install(Group.SOURCES, SOURCE)
    alpha, beta = read(tmp_path, "own\nAlpha\nBeta\n")
    assert isinstance(alpha, SourceRecord)
    assert isinstance(beta, SourceRecord)
    assert (alpha.title, beta.title) == ("Alpha", "Beta")


def test_a_plugin_that_fails_at_a_file_costs_that_file(install: Install, tmp_path: Path):
    install(Group.SOURCES, SOURCE.replace("list(lines)[1:]", "1 / 0"))
    [refusal] = read(tmp_path, "own\nAlpha\n")
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "plugin 'own' of added 1.0 failed: ZeroDivisionError: division by zero"
    [record] = read(tmp_path, GOOD)
    assert isinstance(record, SourceRecord)


def test_one_that_fails_at_every_file_is_named_and_the_files_are_read(
    install: Install, tmp_path: Path
):
    install(Group.SOURCES, SOURCE.replace("head[0].text", "head[1_000].text"))
    refusal, record = read(tmp_path, GOOD)
    assert isinstance(refusal, Refusal)
    assert "plugin 'own' of added 1.0 failed: IndexError" in refusal.reason
    assert isinstance(record, SourceRecord)


def test_one_that_yields_what_is_no_record_is_named(install: Install, tmp_path: Path):
    install(Group.SOURCES, "def detects(head): return True\ndef parse(lines, source): yield 1")
    [refusal] = read(tmp_path, GOOD)
    assert isinstance(refusal, Refusal)
    assert "yields int, which is no record" in refusal.reason


def test_a_file_that_nothing_reads_names_the_plugin_that_might_have(
    install: Install, tmp_path: Path
):
    install(Group.SOURCES, "import none_of_this_name")
    [refusal] = read(tmp_path, "own\nAlpha\n")
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("not a listing page")
    assert "plugin 'own' of added 1.0 cannot be loaded: ModuleNotFoundError" in refusal.reason


EXPORTER = """
ENDING, MEDIA_TYPE = "own", "text/x-own"
def entries(papers):
    for paper in papers:
        yield paper.title + "\\n"
"""
ALPHA = paper("Alpha", "Alpha keeps the cache on disk.")
ANSWER = Answer(
    question="What is fast?",
    answer="",
    refused=False,
    reason=None,
    sentences=(),
    sources=(Source.of(ALPHA, 1),),
    mode="quote",
)


def test_a_form_of_a_plugin_is_written_by_every_door(install: Install, footnote: Run):
    install(Group.EXPORTERS, EXPORTER)
    assert "".join(export_papers([ALPHA, ALPHA], "own")) == "Alpha\nAlpha\n"
    written = export(ANSWER, {ALPHA.paper_id: ALPHA}.get, "own")
    assert (written.name, written.media_type) == ("footnote-what-is-fast.own", "text/x-own")
    assert written.text == "Alpha\n"
    assert 'data-form="own"' in turn_html(ANSWER, {ALPHA.paper_id: ALPHA}, wording("en"))
    done = footnote("papers", "--format", "another", expect=2)
    assert "'another' is none of bibtex, ris, csl, csv, own" in done.stderr


def test_one_that_fails_while_it_writes_is_named(install: Install):
    install(Group.EXPORTERS, EXPORTER.replace("paper.title", "paper.name"))
    with pytest.raises(PluginError, match="plugin 'own' failed: AttributeError"):
        list(export_papers([ALPHA], "own"))


def test_a_form_that_nobody_writes_is_an_error():
    with pytest.raises(ValueError, match="no form of answers"):
        export_papers([], "own")


def called(install: Install, group: Group, code: str) -> None:
    site = install(group, code)
    entry_points = site / "added-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[{group}]\nown = added:made\n")


def test_an_embedder_of_a_plugin_is_made_with_its_arguments(install: Install):
    called(
        install,
        Group.EMBEDDERS,
        "from llama_index.core import MockEmbedding\n"
        "def made(size): return MockEmbedding(embed_dim=size)",
    )
    assert load_embedder("own", arguments={"size": 3}).embed(["a"]).tolist() == [[0.5] * 3]


def test_a_judge_of_a_plugin_is_asked(install: Install):
    called(
        install,
        Group.JUDGES,
        "from footnote.plugins import Judgement\n"
        "def made(): return lambda pairs: [Judgement(0.25) for _ in pairs]",
    )
    assert [judgement.likely for judgement in load_judge("own")([("a", "b")])] == [0.25]


def test_a_reranker_of_a_plugin_is_asked(install: Install):
    called(install, Group.RERANKERS, "def made(): return lambda pairs: [0.75 for _ in pairs]")
    assert load_cross_encoder("own")([("a", "b")]) == [0.75]


@pytest.mark.parametrize(
    ("group", "load"),
    [
        (Group.EMBEDDERS, load_embedder),
        (Group.JUDGES, load_judge),
        (Group.RERANKERS, load_cross_encoder),
    ],
)
def test_one_that_cannot_be_loaded_is_named_before_anything_is_asked(
    install: Install, group: Group, load: Callable[[str], object]
):
    install(group, "import none_of_this_name")
    with pytest.raises(PluginError, match=r"plugin 'own' of added 1\.0 cannot be loaded"):
        load("own")
