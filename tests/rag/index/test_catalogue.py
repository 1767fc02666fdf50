"""A catalogue that is damaged is not quoted: it is named, restored or refused."""

import shutil
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from footnote.ingest.pipeline import ingest
from footnote.ingest.restore import restore
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config
from footnote.rag.core.errors import IndexDamagedError, PaperDamagedError
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.stored import Damage, Part, Regrouping
from footnote.rag.index.text_facts import FIGURES
from footnote.ui import cli
from tests.made import rewritten
from tests.rag.index.small import paper
from tests.rag.index.test_recovery import (
    ALPHA,
    BRAVO,
    LATER,
    config_for,
    found_disagreeing,
    take_in,
)

pytestmark = pytest.mark.slow

FAST = {"title": "Charlie: A Scheduler", "abstract": "Charlie is 1.91x as fast. It is a scheduler."}
CHARLIE = "what is as fast as Charlie?"
ALL = ("papers.record", "parts.record")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_for(tmp_path / "index")
    take_in(config, FAST, BRAVO)
    return config


def catalogue_of(config: Config) -> Catalogue:
    return Catalogue(config.index / "catalogue.sqlite")


def damage(config: Config, *columns: str, old: str = "1.91x", new: str = "9.99x") -> None:
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db, db:
        db.create_function("rewritten", 3, rewritten)
        for column in columns:
            table, _, name = column.partition(".")
            sql = f"UPDATE {table} SET {name} = rewritten({name}, ?1, ?2)"  # noqa: S608
            assert db.execute(
                f"{sql} WHERE {name} <> rewritten({name}, ?1, ?2)", (old, new)
            ).rowcount


def id_of(title: str, config: Config) -> str:
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db:
        sql = "SELECT paper_id FROM papers WHERE json_extract(record, '$.title') = ?"
        return db.execute(sql, [title]).fetchone()[0]


def footnote(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(cli, "_quieten", lambda: None)
    monkeypatch.setattr("sys.argv", ["footnote", *map(str, arguments)])
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", "tests.hashing:HashEmbedding")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_a_damaged_paper_is_not_quoted_and_is_named(config: Config):
    assistant = open_assistant(config)
    assert "1.91" in assistant.ask(CHARLIE).answer
    charlie = id_of(FAST["title"], config)
    damage(config, "papers.record")
    for asked in (assistant, open_assistant(config)):
        with pytest.raises(
            PaperDamagedError, match="not as written; run `footnote rebuild`"
        ) as said:
            asked.ask(CHARLIE)
        assert said.value.paper_ids == (charlie,)
        assert said.value.restorable
    with pytest.raises(PaperDamagedError):
        catalogue_of(config).papers()


@pytest.mark.parametrize("column", ["version", "indexed"])
def test_what_a_row_says_of_its_record_is_checked_too(config: Config, column: str):
    charlie = id_of(FAST["title"], config)
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db, db:
        db.execute(f"UPDATE papers SET {column} = '0' WHERE paper_id = ?", [charlie])  # noqa: S608
    assert catalogue_of(config).damage() == Damage([charlie], {})
    take_in(config, BRAVO)
    assert found_disagreeing(config) == []
    assert "1.91" in open_assistant(config).ask(CHARLIE).answer


def test_bytes_that_are_no_text_damage_their_paper_alone(config: Config):
    charlie, bravo = id_of(FAST["title"], config), id_of(BRAVO["title"], config)
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db, db:
        db.execute(
            "UPDATE papers SET record = CAST(X'ff' || substr(CAST(record AS BLOB), 2) AS TEXT)"
            " WHERE paper_id = ?",
            [charlie],
        )
    with pytest.raises(PaperDamagedError) as said:
        open_assistant(config).ask(CHARLIE)
    assert said.value.paper_ids == (charlie,)
    assert catalogue_of(config).get([bravo])[bravo].title == BRAVO["title"]
    assert restore(catalogue_of(config)).paper_ids == [charlie]
    assert "1.91" in open_assistant(config).ask(CHARLIE).answer


@pytest.mark.parametrize("columns", [("papers.record",), ("parts.record",)])
def test_doctor_names_the_paper_and_rebuild_restores_it(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: tuple[str, ...],
):
    charlie = id_of(FAST["title"], config)
    before = catalogue_of(config).papers()
    damage(config, *columns)
    assert footnote(monkeypatch, "doctor", "--index", config.index) == 1
    [line] = capsys.readouterr().out.splitlines()
    assert charlie in line
    assert "run `footnote rebuild`" in line
    assert footnote(monkeypatch, "rebuild", "--index", config.index) == 0
    assert f"paper {charlie} was not as written, and is restored" in capsys.readouterr().err
    assert catalogue_of(config).papers() == before
    assert footnote(monkeypatch, "doctor", "--index", config.index) == 0
    assert "1.91" in open_assistant(config).ask(CHARLIE).answer


def test_rebuild_refuses_what_it_cannot_restore(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    charlie = id_of(FAST["title"], config)
    damage(config, *ALL)
    snapshots = list((config.index / "snapshots").iterdir())
    assert footnote(monkeypatch, "rebuild", "--index", config.index) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert charlie in line
    assert "take in its source again, or take it out with `footnote remove`" in line
    state = catalogue_of(config).state()
    assert state.snapshot in {g.name for g in snapshots}
    assert footnote(monkeypatch, "remove", charlie, "--index", config.index) == 0
    assert footnote(monkeypatch, "rebuild", "--index", config.index) == 0
    assert [p.title for p in catalogue_of(config).papers()] == [BRAVO["title"]]
    assert footnote(monkeypatch, "doctor", "--index", config.index) == 0


@pytest.mark.parametrize(
    ("columns", "n_updated"), [(("papers.record",), 0), (("parts.record",), 0), (ALL, 1)]
)
def test_taking_the_source_in_again_restores_it_and_says_so(
    config: Config, columns: tuple[str, ...], n_updated: int
):
    charlie, before = id_of(FAST["title"], config), catalogue_of(config).papers()
    damage(config, *columns)
    file = config.index.parent / "papers.jsonl"
    report = ingest([file], open_index(config), lambda *_: None)
    assert report.restored == (charlie,)
    assert report.updated == n_updated
    assert catalogue_of(config).papers() == before
    assert catalogue_of(config).damage() == Damage([], {})
    assert found_disagreeing(config) == []
    assert "1.91" in open_assistant(config).ask(CHARLIE).answer
    assert ingest([file], open_index(config), lambda *_: None).restored == ()


def test_a_paper_of_several_records_is_made_of_them_again(config: Config):
    take_in(config, FAST | {"doi": "10.1/a", "date": "2024-01-02"}, name="more.jsonl")
    before = catalogue_of(config).papers()
    damage(config, "papers.record")
    assert restore(catalogue_of(config)).paper_ids == [id_of_charlie(before)]
    assert catalogue_of(config).papers() == before
    damage(config, *ALL)
    report = ingest([config.index.parent / "more.jsonl"], open_index(config), lambda *_: None)
    assert report.restored == ()  # one of its two records is still lost
    report = ingest([config.index.parent / "papers.jsonl"], open_index(config), lambda *_: None)
    assert report.restored == (id_of_charlie(before),)
    assert catalogue_of(config).papers() == before


def id_of_charlie(papers: list) -> str:
    [charlie] = [p.paper_id for p in papers if p.title == FAST["title"]]
    return charlie


def test_a_version_that_is_served_while_a_later_one_waits_is_checked(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    take_in(config, ALPHA)

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.catalogue.Catalogue.mark_indexed", stop)
        with pytest.raises(KeyboardInterrupt):
            take_in(config, LATER, name="later.jsonl")
    catalogue = catalogue_of(config)
    [alpha] = [p for p in catalogue.papers() if p.title == ALPHA["title"]]
    assert catalogue.served([alpha.paper_id])[alpha.paper_id].abstract == ALPHA["abstract"]
    damage(config, "papers.held", old="blocks", new="clocks")
    with pytest.raises(PaperDamagedError):
        catalogue.served([alpha.paper_id])
    take_in(config, BRAVO)
    assert catalogue.served([alpha.paper_id])[alpha.paper_id].abstract == LATER["abstract"]
    assert found_disagreeing(config) == []


def test_a_catalogue_without_checksums_is_given_them_once(config: Config):
    before = catalogue_of(config).papers()
    charlie = id_of_charlie(before)
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db:
        for column in ("papers.checksum", "papers.held_checksum", "parts.checksum"):
            table, _, name = column.partition(".")
            db.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    assert catalogue_of(config).papers() == before
    assert catalogue_of(config).damage() == Damage([], {})
    damage(config, "papers.record")
    assert catalogue_of(config).damage() == Damage([charlie], {})


def test_records_that_an_earlier_version_kept_uncompressed_are_read(config: Config):
    catalogue = catalogue_of(config)
    before = catalogue.parts_of(catalogue.papers())
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db, db:
        db.create_function("uncompressed", 1, lambda record: zlib.decompress(record).decode())
        db.execute("UPDATE parts SET record = uncompressed(record)")
        db.execute("ALTER TABLE parts DROP COLUMN checksum")
    catalogue = catalogue_of(config)
    assert catalogue.parts_of(catalogue.papers()) == before
    assert catalogue.damage() == Damage([], {})


def test_what_was_damaged_before_there_were_checksums_is_not_taken_for_true(config: Config):
    charlie = id_of(FAST["title"], config)
    damage(config, "papers.record")
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db:
        for column in ("papers.checksum", "papers.held_checksum", "parts.checksum"):
            table, _, name = column.partition(".")
            db.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    assert catalogue_of(config).damage() == Damage([charlie], {})


@pytest.mark.parametrize("n_bytes", [0, 50, 5_000])
def test_a_catalogue_cut_short_is_damaged_and_not_empty(config: Config, n_bytes: int):
    with closing(sqlite3.connect(config.index / "catalogue.sqlite")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    beside = shutil.ignore_patterns("catalogue.sqlite-*")
    config = config_for(Path(shutil.copytree(config.index, config.index / "../cut", ignore=beside)))
    file = config.index / "catalogue.sqlite"
    file.write_bytes(file.read_bytes()[:n_bytes])
    commands: list[Callable[[], object]] = [
        lambda: open_assistant(config),
        lambda: take_in(config, BRAVO),
        lambda: open_index(config).problems(),
    ]
    for command in commands:
        with pytest.raises(IndexDamagedError, match=r"^catalogue .*put a copy of it back"):
            command()
    assert any((config.index / "snapshots").iterdir())


def steps(catalogue: Catalogue, ask: Callable[[], object]) -> int:
    """How many of ten steps of SQLite's machine it takes to ask something."""
    taken: list[None] = []
    catalogue._db.set_progress_handler(lambda: taken.append(None), 10)
    try:
        ask()
    finally:
        catalogue._db.set_progress_handler(None, 0)
    return len(taken)


def test_what_is_pending_is_found_without_reading_what_is_indexed(tmp_path: Path):
    catalogue = Catalogue(tmp_path / "catalogue.sqlite", create=True)
    papers = [paper(f"Paper {n:04}", "One.") for n in range(600)]
    catalogue.save([(each, []) for each in papers], {})
    catalogue.mark_indexed(papers[:590])
    assert [p.title for p in catalogue.pending(5)] == [p.title for p in papers[590:595]]
    assert catalogue.count_pending() == 10
    few = steps(catalogue, lambda: catalogue.pending(5)), steps(catalogue, catalogue.count_pending)
    assert max(few) < 60


@pytest.mark.parametrize(
    "sql",
    [
        FIGURES.holding_sql,
        FIGURES.count_sql,
        "SELECT paper_id, indexed FROM papers WHERE indexed NOT NULL",
    ],
)
def test_ids_of_what_is_served_are_read_without_any_record(tmp_path: Path, sql: str):
    catalogue = Catalogue(tmp_path / "catalogue.sqlite", create=True)
    plan = catalogue._rows(f"EXPLAIN QUERY PLAN {sql}")
    [told] = [line for *_, line in plan if " papers " in line]
    assert "COVERING INDEX" in told


def test_to_change_one_paper_reads_nothing_of_the_others(tmp_path: Path):
    def taken(n_papers: int) -> list[int]:
        catalogue = Catalogue(tmp_path / f"{n_papers}.sqlite", create=True)
        papers = [paper(f"Paper {n:05}", "One.") for n in range(n_papers)]
        ids = [each.paper_id for each in papers]
        keyed = [(each, [f"title:{each.title}"]) for each in papers]
        parts = {each.paper_id: [Part(f"part of {each.title}", each)] for each in papers}
        aliases = {f"doi:{n}": paper_id for n, paper_id in enumerate(ids)}
        catalogue.regroup(Regrouping(keyed, parts, aliases, gone=[]))
        first, second = keyed[0], ids[1]
        again = Regrouping([first], {ids[0]: parts[ids[0]] + parts[second]}, {second: ids[0]}, [])
        ways = [
            lambda: catalogue.regroup(again._replace(gone=[second])),
            lambda: catalogue.keys_of(ids[:1], shared_by=9),
            lambda: catalogue.aliases_of(ids[0]),
            lambda: catalogue.records_of(ids[:1]),
            lambda: catalogue.remove(ids[2:3]),
        ]
        return [steps(catalogue, way) for way in ways]

    for few, many in zip(taken(50), taken(1_000), strict=True):
        assert many < few + 30
