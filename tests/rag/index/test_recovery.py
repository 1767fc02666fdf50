"""An index that cannot be lost: killed, removed from, damaged, rebuilt and read all the while."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import (
    Fault,
    FaultKind,
    IndexAccessError,
    IndexBusyError,
    IndexFolderError,
    IndexMismatchError,
)
from footnote.rag.index.check import disagreements, probe
from footnote.rag.index.writer import IndexWriter
from tests.conftest import ROOT, SAMPLE

pytestmark = pytest.mark.slow

HASHING = {"name": "tests.hashing:HashEmbedding"}
# `FOOTNOTE_TEST_KILLS=100 FOOTNOTE_TEST_PAPERS=folder pytest tests/rag/index/test_recovery.py -k kill`
KILLS = int(os.environ.get("FOOTNOTE_TEST_KILLS", "8"))
PAPERS = Path(os.environ.get("FOOTNOTE_TEST_PAPERS", SAMPLE)).absolute()
ALPHA = {"title": "Alpha: A Cache on Disk", "abstract": "Alpha keeps blocks on disk. It is fast."}
BRAVO = {"title": "Bravo: Routing", "abstract": "Bravo routes questions to models. It is cheap."}
LATER = ALPHA | {"abstract": "Alpha now keeps zebras in a stable. The rest is new. It has a third."}


def config_for(folder: Path, **settings: object) -> Config:
    # What is made of words' hashes is never as near as what is made of their meaning.
    defaults = {"embedder": HASHING, "answering": {"min_confidence": 0}}
    return load_config(index=folder, **(defaults | settings))


def source(folder: Path, name: str, *records: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(map(json.dumps, records)))
    return folder / name


def take_in(config: Config, *records: dict[str, str], name: str = "papers.jsonl") -> None:
    file = source(config.index.parent, name, *records)
    ingest([file], open_index(config, create=True), lambda *_: None)


def take_out(config: Config, *titles: str) -> None:
    index = open_index(config)
    with IndexWriter(index).writing():
        IndexWriter(index).remove(
            [p.paper_id for p in index.catalogue.papers() if p.title in titles]
        )


def rebuild(config: Config) -> None:
    index = open_index(config)
    with IndexWriter(index).writing():
        IndexWriter(index).rebuild(lambda *_: None)


def found_disagreeing(config: Config) -> list[Fault]:
    """What a look at every paper in every part finds wrong."""
    index = open_index(config)
    return disagreements(index.catalogue, index.snapshot(), config.store.exact_up_to)


def spawn(
    *arguments: object, index: Path, embedder: str = HASHING["name"]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "footnote.ui.cli", *map(str, arguments), "--index", str(index)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "FOOTNOTE_EMBEDDER__NAME": embedder,
            "FOOTNOTE_ANSWERING__MIN_CONFIDENCE": "0",
        },
    )


def run(*arguments: object, index: Path, expect: int = 0) -> str:
    return finish(spawn(*arguments, index=index), expect=expect)


def finish(process: subprocess.Popen[str], *, expect: int = 0, timeout: float = 120) -> str:
    """What a process printed; it is killed where that takes longer."""
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
    assert process.returncode == expect, err
    assert "Traceback" not in err
    return out + err


@pytest.fixture(scope="module")
def hashed_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder that holds the bundled sample and more; copy it before changing it.

    Chroma keeps its graph on disk from 1,000 papers on.
    """
    config = config_for(tmp_path_factory.mktemp("hashed") / "index")
    more = [{"title": f"Count {n}", "abstract": f"Here stand {n} of them."} for n in range(700)]
    file = source(config.index.parent, "more.jsonl", *more)
    ingest([SAMPLE, file], open_index(config, create=True), lambda *_: None)
    return config.index


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_for(tmp_path / "index")


def test_no_kill_loses_or_doubles_a_paper(tmp_path: Path):
    embedder = os.environ.get("FOOTNOTE_TEST_EMBEDDER", HASHING["name"])
    started = time.monotonic()
    finish(spawn("ingest", PAPERS, index=tmp_path / "whole", embedder=embedder))
    whole_s = time.monotonic() - started
    expected = {p.paper_id for p in open_index(config_for(tmp_path / "whole")).catalogue.papers()}
    moments = random.Random(os.environ.get("FOOTNOTE_TEST_SEED", "0"))  # noqa: S311
    folder, n_folders, kills = tmp_path / "killed0", 1, 0
    while kills < KILLS:
        process = spawn("ingest", PAPERS, index=folder, embedder=embedder)
        try:
            # What comes before is the loading of libraries.
            finish(process, timeout=moments.uniform(0.3, 1.0) * whole_s)
            folder, n_folders = tmp_path / f"killed{n_folders}", n_folders + 1
        except subprocess.TimeoutExpired:
            kills += 1
    finish(spawn("ingest", PAPERS, index=folder, embedder=embedder))
    sys.stdout.write(f"{kills} kills in {n_folders} folders; whole: {whole_s:.1f} s\n")
    for number in range(n_folders):
        config = config_for(tmp_path / f"killed{number}", embedder={"name": embedder})
        assert {p.paper_id for p in open_index(config).catalogue.papers()} == expected
        assert open_index(config).catalogue.count_served() == len(expected)
        assert found_disagreeing(config) == []
        assert len(list((config.index / "snapshots").iterdir())) == 1


@pytest.mark.parametrize(
    "step",
    [
        "footnote.rag.index.snapshot.Snapshot.make",
        "footnote.rag.index.chroma.CosineChroma.add",
        "footnote.rag.index.dense.DenseIndex.add",
        "footnote.rag.index.bm25.BM25Index.replace",
        "footnote.rag.index.catalogue.Catalogue.mark_indexed",
        "footnote.rag.index.snapshot.Snapshot.seal",
    ],
)
def test_an_assistant_finishes_what_a_killed_ingest_left(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
):
    take_in(config, BRAVO)

    def stop(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step, stop)
        if step.endswith("make"):
            shutil.rmtree(config.index)
        with pytest.raises(KeyboardInterrupt):
            take_in(config, ALPHA, BRAVO, name="more.jsonl")
    answer = open_assistant(config).ask("where does Alpha keep blocks on disk?")
    assert "Alpha keeps blocks on disk." in answer.answer
    assert found_disagreeing(config) == []
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (0 if step.endswith("seal") else 1)
    assert all("an earlier command was interrupted" in line for line in lines)


def test_the_version_that_is_indexed_is_answered_from_until_the_next_is(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    take_in(config, ALPHA, BRAVO)
    assistant = open_assistant(config)
    seen: list[tuple[str, list[str]]] = []
    mark = IndexWriter._purge_tombstones

    def ask_first(self: IndexWriter) -> None:
        answer = assistant.ask("where does Alpha keep what it keeps?")
        for sentence in answer.sentences:
            [citation] = sentence.citations
            paper = assistant.paper(citation.paper_id)
            assert paper
            assert paper.abstract[citation.start : citation.end] == citation.quote
        hits = assistant.search("Alpha")
        assert {h.paper.title for h in hits} == {ALPHA["title"], BRAVO["title"]}
        assert all(h.passage in h.paper.sentences for h in hits)
        alpha = assistant.paper(answer.sources[0].paper_id)
        assert alpha
        seen.append((alpha.abstract, [h.paper.quote(h.passage) for h in hits]))
        mark(self)

    monkeypatch.setattr(IndexWriter, "_purge_tombstones", ask_first)
    take_in(config, LATER, name="later.jsonl")
    assert [abstract for abstract, _ in seen] == [ALPHA["abstract"], LATER["abstract"]]
    assert found_disagreeing(config) == []


def test_a_removed_paper_is_nowhere_and_comes_back_when_it_is_taken_in_again(config: Config):
    take_in(config, ALPHA, BRAVO)
    assistant = open_assistant(config)
    [alpha] = [p for p in assistant.catalogue.papers() if p.title == ALPHA["title"]]
    assert assistant.ask("where does Alpha keep blocks?").sources[0].paper_id == alpha.paper_id
    take_out(config, ALPHA["title"])
    assert assistant.paper(alpha.paper_id) is None
    assert "mentions Alpha" in (assistant.ask("where does Alpha keep blocks?").reason or "")
    assert alpha.paper_id not in {h.paper.paper_id for h in assistant.search("blocks on disk")}
    index = open_index(config)
    assert index.vectors.ids() == {p.paper_id for p in index.catalogue.papers()}
    assert alpha.paper_id not in index.bm25.paper_ids()
    assert found_disagreeing(config) == []
    take_in(config, ALPHA, BRAVO)
    assert assistant.ask("where does Alpha keep blocks?").sources[0].paper_id == alpha.paper_id


def test_a_removal_that_was_killed_is_not_cited_and_is_finished(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    take_in(config, ALPHA, BRAVO)
    assistant = open_assistant(config)

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.snapshot.Snapshot.remove", stop)
        with pytest.raises(KeyboardInterrupt):
            take_out(config, ALPHA["title"])
    assert {h.paper.title for h in assistant.search("Alpha blocks on disk")} == {BRAVO["title"]}
    open_assistant(config)
    assert "removal was interrupted" in capsys.readouterr().err
    assert found_disagreeing(config) == []


def test_a_paper_can_be_removed_by_every_id_it_is_known_by(config: Config):
    take_in(config, ALPHA, BRAVO)
    take_in(config, ALPHA | {"arxiv_id": "2309.06180"}, name="known.jsonl")
    index = open_index(config)
    assert list(index.named(["arxiv:2309.06180"]).values()) == [ALPHA["title"]]


@pytest.mark.parametrize("min_removed", [1, 1_000])
def test_the_last_paper_can_be_removed(
    config: Config, monkeypatch: pytest.MonkeyPatch, min_removed: int
):
    monkeypatch.setattr("footnote.rag.index.snapshot._MIN_REMOVED", min_removed)
    take_in(config, ALPHA)
    take_out(config, ALPHA["title"])
    with pytest.raises(IndexFolderError, match="is empty"):
        open_assistant(config)
    take_in(config, BRAVO)
    assert found_disagreeing(config) == []


def test_what_was_removed_is_left_behind_without_embedding_anything(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.snapshot._MIN_REMOVED", 3)
    take_in(config, ALPHA, BRAVO)
    [first] = (config.index / "snapshots").iterdir()
    assistant = open_assistant(config)
    take_out(config, ALPHA["title"])  # 2 chunks gone, 2 left
    take_in(config, ALPHA)
    assert [first] == list((config.index / "snapshots").iterdir())
    monkeypatch.setattr("footnote.rag.index.writer.embed_papers", None)
    take_out(config, BRAVO["title"])  # 4 gone, 2 left
    [second] = (config.index / "snapshots").iterdir()
    assert second != first
    assert found_disagreeing(config) == []
    assert open_index(config).problems() == []
    assert "blocks" in assistant.ask("where does Alpha keep blocks?").answer
    monkeypatch.undo()
    take_in(config, BRAVO)
    assert found_disagreeing(config) == []


def test_a_copy_that_was_interrupted_costs_nothing(config: Config, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("footnote.rag.index.snapshot._MIN_REMOVED", 1)
    take_in(config, ALPHA, BRAVO, LATER | {"title": "Charlie"})

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.catalogue.Catalogue.switch", stop)
        with pytest.raises(KeyboardInterrupt):
            take_out(config, "Charlie", BRAVO["title"])
    assert len(list((config.index / "snapshots").iterdir())) == 2
    assert "blocks" in open_assistant(config).ask("where does Alpha keep blocks?").answer
    take_in(config, BRAVO)
    assert len(list((config.index / "snapshots").iterdir())) == 1
    assert found_disagreeing(config) == []


def test_a_copy_that_has_no_room_is_said_and_costs_nothing(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("footnote.rag.index.snapshot._MIN_REMOVED", 1)
    take_in(config, ALPHA, BRAVO, LATER | {"title": "Charlie"})

    def full(*_args: object) -> None:
        raise IndexAccessError("vector store x cannot be written: No space left", "free some space")

    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.snapshot.Snapshot.copy", full)
        take_out(config, "Charlie", BRAVO["title"])
    copying, failed = capsys.readouterr().err.splitlines()
    assert copying == (
        "footnote: more was removed from the index than is left; copying what is left"
    )
    assert failed == (
        "footnote: vector store x cannot be written: No space left; "
        "what was removed still takes its room"
    )
    assert len(list((config.index / "snapshots").iterdir())) == 1
    assert found_disagreeing(config) == []
    assert "blocks" in open_assistant(config).ask("where does Alpha keep blocks?").answer


@pytest.mark.parametrize("part", ["chroma", "dense", "bm25", "multivector", "card.json"])
def test_a_part_that_is_gone_is_restored_with_a_word(
    config: Config, capsys: pytest.CaptureFixture[str], part: str
):
    take_in(config, ALPHA, BRAVO)
    [snapshot] = (config.index / "snapshots").iterdir()
    gone = snapshot / part
    if not gone.exists():
        pytest.skip("this embedder gives no token embeddings")
    gone.unlink() if gone.is_file() else shutil.rmtree(gone)
    assert open_index(config).problems() != []
    assert "blocks" in open_assistant(config).ask("where does Alpha keep blocks?").answer
    [line] = capsys.readouterr().err.splitlines()
    assert "making the index anew from the catalogue" in line
    assert found_disagreeing(config) == []


def test_a_part_that_is_gone_while_another_writes_is_an_error_that_says_who(config: Config):
    take_in(config, ALPHA)
    [snapshot] = (config.index / "snapshots").iterdir()
    shutil.rmtree(snapshot / "bm25")
    with (
        IndexWriter(open_index(config)).writing(),
        pytest.raises(IndexBusyError, match=rf"written by process {os.getpid()} since"),
    ):
        open_assistant(config)


def test_a_second_ingest_says_at_once_who_holds_the_lock(tmp_path: Path, config: Config):
    file = source(tmp_path, "papers.jsonl", ALPHA)
    take_in(config, BRAVO)
    with IndexWriter(open_index(config)).writing():
        said = run("ingest", file, index=config.index, expect=1)
        assert f"is being written by process {os.getpid()} since 20" in said
        assert "blocks" not in run("ask", "what does Bravo route", index=config.index)
    assert "writer" not in {p.name for p in config.index.iterdir()}


def test_a_rebuild_answers_from_the_old_index_until_the_new_one_is_whole(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    take_in(config, ALPHA, BRAVO)
    assistant = open_assistant(config)
    before = assistant.ask("where does Alpha keep blocks?")
    [old] = (config.index / "snapshots").iterdir()

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.catalogue.Catalogue.switch", stop)
        with pytest.raises(KeyboardInterrupt):
            rebuild(config)
    assert len(list((config.index / "snapshots").iterdir())) == 2
    assert assistant.ask("where does Alpha keep blocks?") == before
    other = config_for(config.index, embedder=HASHING | {"arguments": {"dimension": 32}})
    with pytest.raises(
        IndexMismatchError, match=r"vectors of 64 numbers, the embedder .* gives 32"
    ):
        open_assistant(other).ask("where does Alpha keep blocks?")
    rebuild(config)
    [new] = (config.index / "snapshots").iterdir()
    assert new != old
    assert assistant.ask("where does Alpha keep blocks?") == before
    assert found_disagreeing(config) == []


def test_an_open_assistant_takes_up_the_embedder_of_a_rebuild(config: Config):
    take_in(config, ALPHA, BRAVO)
    assistant = open_assistant(config)
    before = assistant.ask("where does Alpha keep blocks?")
    for other in ({"name": "tests.hashing:WideHashEmbedding"}, HASHING):
        rebuild(config_for(config.index, embedder=other))
        after = assistant.ask("where does Alpha keep blocks?")
        # Which sentence follows is told by the vectors too.
        said = [(a.sentences[0].text, a.sources) for a in (before, after)]
        assert said[0] == said[1]
        assert open_index(config).snapshot().card.embedder == other["name"]


def test_an_embedder_of_a_rebuild_that_cannot_be_taken_up_is_named(config: Config):
    take_in(config, ALPHA, BRAVO)
    assistant = open_assistant(config)
    rebuild(config)
    [snapshot] = (config.index / "snapshots").iterdir()
    card = (snapshot / "card.json").read_text()
    (snapshot / "card.json").write_text(card.replace("HashEmbedding", "GoneEmbedding"))
    with pytest.raises(
        IndexMismatchError,
        match=r"embedder 'tests.hashing:GoneEmbedding' cannot be loaded: .*: start this program "
        "again, with the settings it was made with",
    ):
        assistant.ask("where does Alpha keep blocks?")
    (snapshot / "card.json").write_text(card)
    assert "blocks" in assistant.ask("where does Alpha keep blocks?").answer


def test_readers_of_an_index_that_is_written_see_whole_papers_only(config: Config):
    """Twenty readers ask while papers are taken in, changed, removed and the index is rebuilt."""
    take_in(config, ALPHA, BRAVO)
    assistants = [open_assistant(config) for _ in range(4)]
    abstracts = {ALPHA["abstract"], LATER["abstract"], BRAVO["abstract"]}
    faults: list[str] = []
    asked, removed, over = [0], threading.Event(), threading.Event()

    def read(number: int) -> None:
        assistant = assistants[number % len(assistants)]
        while not over.is_set():
            try:
                was_removed = removed.is_set()
                answer = assistant.ask("where does Alpha keep what it keeps?")
                hits = assistant.search("Bravo routes questions")
            except Exception as error:  # whatever it is, it is a fault
                faults.append(f"{type(error).__name__}: {error}")
                return
            asked[0] += 1
            if (
                was_removed
                and removed.is_set()
                and any(s.title == ALPHA["title"] for s in answer.sources)
            ):
                faults.append("a removed paper was cited")
            if not any(h.paper.title == BRAVO["title"] for h in hits):
                faults.append("a paper that was never touched was not found")
            for citation in (c for s in answer.sentences for c in s.citations):
                if not any(a[citation.start : citation.end] == citation.quote for a in abstracts):
                    faults.append(f"half a quote: {citation.quote}")

    readers = [threading.Thread(target=read, args=(n,)) for n in range(20)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            take_in(config, LATER, name="later.jsonl")
            take_out(config, ALPHA["title"])
            removed.set()
            time.sleep(0.3)
            removed.clear()
            take_in(config, ALPHA, name="papers.jsonl")
            rebuild(config)
    finally:
        over.set()
        for reader in readers:
            reader.join(60)
    assert faults == []
    assert asked[0] > 40
    assert found_disagreeing(config) == []


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        pytest.param("*.store", lambda data: data[: len(data) // 2], id="words-cut"),
        pytest.param("data_level0.bin", lambda data: b"\xff" * len(data), id="graph-overwritten"),
        pytest.param("index_metadata.pickle", lambda _: b"", id="graph-emptied"),
        pytest.param("chroma.sqlite3", lambda data: data[: len(data) // 2], id="vectors-cut"),
        pytest.param("vectors.i8", lambda data: data[: len(data) // 2], id="sentences-cut"),
        pytest.param("vectors.i8", lambda data: data[::-1], id="sentences-turned-round"),
    ],
)
def test_damage_is_found_and_what_asks_next_restores_it(
    hashed_sample: Path, tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
):
    config = config_for(Path(shutil.copytree(hashed_sample, tmp_path / "index")))
    file = max(config.index.rglob(name), key=lambda f: f.stat().st_size)
    file.write_bytes(damage(file.read_bytes()))
    problems = open_index(config).problems()
    assert problems
    assert all("; run `footnote rebuild`" in problem for problem in problems)
    said = run("ask", "What throughput does NanoFlow reach?", index=config.index)
    assert "[1] NanoFlow" in said
    assert "making the index anew" in said
    assert found_disagreeing(config) == []


def test_a_file_that_ends_whoever_reads_it_ends_the_doctors_helper_alone(
    hashed_sample: Path, tmp_path: Path
):
    """As an interrupted writer may leave it: without a manifest that says what it should be."""
    config = config_for(Path(shutil.copytree(hashed_sample, tmp_path / "index")))
    [snapshot] = (config.index / "snapshots").iterdir()
    (snapshot / "manifest.json").unlink()
    [graph] = snapshot.rglob("data_level0.bin")
    graph.write_bytes(random.Random(1).randbytes(graph.stat().st_size))  # noqa: S311
    [problem] = open_index(config).problems()
    assert "ends the process that reads it (SIG" in problem or "vector store" in problem
    said = run("ask", "What throughput does NanoFlow reach?", index=config.index)
    assert "[1] NanoFlow" in said or "[2] NanoFlow" in said
    assert "making the index anew" in said
    assert found_disagreeing(config) == []


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(lambda data: data[: len(data) // 2], "files end before row", id="cut"),
        pytest.param(lambda data: data[::-1], "scales are not those", id="turned-round"),
    ],
)
def test_sentences_that_an_interrupted_writer_spoilt_are_found_and_restored(
    hashed_sample: Path, tmp_path: Path, damage: Callable[[bytes], bytes], problem: str
):
    config = config_for(Path(shutil.copytree(hashed_sample, tmp_path / "index")))
    [snapshot] = (config.index / "snapshots").iterdir()
    (snapshot / "manifest.json").unlink()
    file = snapshot / "dense" / "vectors.i8"
    file.write_bytes(damage(file.read_bytes()))
    [found] = open_index(config).problems()
    assert found.startswith("sentence index")
    assert problem in found
    assert "making the index anew" in run("ask", "What is NanoFlow?", index=config.index)
    assert found_disagreeing(config) == []


def test_above_the_limit_papers_are_found_first(config: Config):
    take_in(config, ALPHA, BRAVO)
    for limit, is_exact in ((3, False), (4, True)):
        limited = config_for(config.index, store={"exact_up_to": limit})
        index = open_index(limited)
        assert (index.vector_search is index.snapshot().dense) == is_exact
        assert found_disagreeing(limited) == []
        assert index.problems() == []
        assert "blocks" in open_assistant(limited).ask("where does Alpha keep blocks?").answer


@pytest.mark.parametrize(
    ("n_lost", "said"),
    [
        (
            1,
            Fault(
                "vector store does not find 1 of 8 papers by their own vectors, as happens to "
                "graphs of neighbours",
                "raise `store.exact_up_to`, so that all sentences are compared",
                FaultKind.GRAPH,
            ),
        ),
        (3, Fault("vector store does not find 3 of 8 papers by their own vectors")),
    ],
    ids=["few", "many"],
)
def test_what_a_graph_loses_is_no_damage_unless_it_is_much(
    config: Config, monkeypatch: pytest.MonkeyPatch, n_lost: int, said: Fault
):
    """A rebuild, which makes a graph that loses as many, is neither advised nor done."""
    take_in(config, *(ALPHA | {"title": f"Alpha {n}"} for n in range(8)))
    index = open_index(config)
    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.check.unreachable", lambda _, rows: rows[:n_lost])
        assert disagreements(index.catalogue, index.snapshot(), 0) == [said]
    told = json.dumps([(said.what, said.step, said.kind)])
    done = subprocess.CompletedProcess([], 0, stdout=told)
    monkeypatch.setattr("footnote.rag.index.check.subprocess.run", lambda *_args, **_options: done)
    assert probe(config.index, exact_up_to=0) == [said]
    assert probe(config.index, exact_up_to=0, unfinished=True) == ([said] if n_lost > 1 else [])


def test_hundreds_of_papers_of_one_title_are_not_lost(config: Config):
    abstracts = [f"The first of this one is {n} long. And the end." for n in range(300)]
    take_in(config, BRAVO, *({"title": "Introduction", "abstract": a} for a in abstracts))
    assert len(open_index(config).catalogue) == 301
    assert found_disagreeing(config) == []


def test_a_full_disk_is_said_and_costs_nothing(tmp_path: Path, config: Config):
    """A limit on the size of files stands for the disk: writes fail in the same places."""
    take_in(config, ALPHA, BRAVO)
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000));"
    code = f"{limited} import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from footnote.ui.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "ingest", str(SAMPLE), "--index", str(config.index)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "FOOTNOTE_EMBEDDER__NAME": HASHING["name"]},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("footnote: ")]
    assert "space" in line
    assert "blocks" in run("ask", "where does Alpha keep blocks?", index=config.index)
    run("ingest", SAMPLE, index=config.index)
    assert len(open_index(config).catalogue) == 410
    assert found_disagreeing(config) == []


# What the parts of a snapshot were called up to version 5.
OLD_NAMES = {"dense": "sentences", "bm25": "words", "multivector": "tokens"}


def test_an_index_of_version_2_is_named_and_rebuilt(config: Config):
    take_in(config, ALPHA, BRAVO)
    [snapshot] = (config.index / "snapshots").iterdir()
    for part in snapshot.iterdir():
        part.rename(config.index / OLD_NAMES.get(part.name, part.name))
    shutil.rmtree(config.index / "snapshots")
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db:
        db.executescript(
            "DROP INDEX papers_by_state; DROP TABLE tombstones; DROP TABLE state;"
            "CREATE TABLE old (paper_id TEXT PRIMARY KEY, record TEXT NOT NULL,"
            " version TEXT NOT NULL, indexed TEXT);"
            "INSERT INTO old SELECT paper_id, record, version, indexed FROM papers;"
            "DROP TABLE papers; ALTER TABLE old RENAME TO papers;"
            "ALTER TABLE parts DROP COLUMN checksum"
        )
    assert_named_and_rebuilt(config)
    assert not (config.index / "chroma").exists()
    assert not (config.index / "words").exists()


@pytest.mark.parametrize("version", [3, 5])
def test_an_index_of_versions_3_to_5_is_named_and_rebuilt(config: Config, version: int):
    """Their folders, table, column and field of the card had other names; 3 had no sentences."""
    take_in(config, ALPHA, BRAVO)
    [snapshot] = (config.index / "snapshots").iterdir()
    for part, old in OLD_NAMES.items():
        if (snapshot / part).exists():
            (snapshot / part).rename(snapshot / old)
    if version == 3:
        shutil.rmtree(snapshot / "sentences")
    card = json.loads((snapshot / "card.json").read_text())
    del card["token_embeddings"]
    old_card = card | {"format_version": version, "pieces": False, "adapted": None}
    (snapshot / "card.json").write_text(json.dumps(old_card))
    (config.index / "snapshots").rename(config.index / "generations")
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db:
        db.executescript(
            "ALTER TABLE tombstones RENAME TO leftovers;"
            "ALTER TABLE state RENAME COLUMN snapshot TO generation;"
            "INSERT INTO leftovers VALUES ('title:gone', '0123456789abcdef')"
        )
    assert [gone.paper_id for gone in open_index(config).catalogue.tombstones()] == ["title:gone"]
    with pytest.raises(IndexMismatchError, match="earlier version"):
        take_out(config, BRAVO["title"])
    assert_named_and_rebuilt(config)
    assert not (config.index / "generations").exists()
    assert open_index(config).catalogue.tombstones() == []


def assert_named_and_rebuilt(config: Config) -> None:
    for command in (lambda: open_assistant(config), lambda: take_in(config, LATER, name="b.jsonl")):
        with pytest.raises(IndexMismatchError, match="earlier version; run `footnote rebuild`"):
            command()
    [problem] = open_index(config).problems()
    assert problem.endswith("was made by an earlier version; run `footnote rebuild`")
    assert len(open_index(config).catalogue) == 2
    rebuild(config)
    assert found_disagreeing(config) == []
    assert open_index(config).problems() == []
    assert "blocks" in open_assistant(config).ask("where does Alpha keep blocks?").answer


def test_a_paper_pending_twice_leaves_nothing_behind(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    """Killed with a second version half written, then given a third, then the first again."""
    take_in(config, ALPHA, BRAVO)
    third = LATER | {"abstract": f"{LATER['abstract']} And it goes on for longer than before."}

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    for number, record in enumerate((LATER, third)):
        with monkeypatch.context() as patch:
            patch.setattr("footnote.rag.index.catalogue.Catalogue.mark_indexed", stop)
            with pytest.raises(KeyboardInterrupt):
                take_in(config, record, name=f"{number}.jsonl")
    take_in(config, BRAVO)
    assert found_disagreeing(config) == []
    assert open_index(config).catalogue.tombstones() == []
    [alpha] = [p for p in open_index(config).catalogue.papers() if p.title == ALPHA["title"]]
    assert alpha.abstract == third["abstract"]
