"""The command line as a person and as a program use it, each call a process of its own."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from footnote.rag.build import open_assistant
from footnote.rag.core.config import Config
from footnote.rag.core.errors import IndexMissingError
from footnote.ui import cli
from tests.conftest import PAGES, ROOT, SAMPLE, Done, Run, built_index, needs_shared

pytestmark = pytest.mark.slow
GOOD = '{"title": "Alpha: A Cache", "abstract": "Alpha keeps the cache on disk. It is fast."}'


def footnote_process(
    *arguments: object, expect: int = 0, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "footnote.ui.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


def one_line(done: Done | subprocess.CompletedProcess[str]) -> str:
    """The error, which is one line, with nothing on stdout."""
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("footnote: ")
    return line.removeprefix("footnote: ")


def test_ingest_reports_what_it_did(footnote: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "papers.jsonl"
    file.write_text(f'{GOOD}\n{{"title": 1}}\n')
    index = tmp_path / "index"
    report = json.loads(footnote("ingest", file, "--index", index, "--json").stdout)
    assert {k: report[k] for k in ("records", "papers", "added", "updated", "unchanged")} == {
        "records": 2, "papers": 1, "added": 1, "updated": 0, "unchanged": 0,
    }  # fmt: skip
    assert [set(r) for r in report["refused"]] == [{"source", "record", "reason"}]
    assert report["seconds"] > 0
    monkeypatch.setenv("FOOTNOTE_INDEX", str(index))
    again = footnote("ingest", file)
    assert "2 records, 1 paper: 0 added, 0 updated, 1 unchanged, 1 refused" in again.stdout
    assert "refused papers.jsonl: line 2" in again.stderr
    assert json.loads(footnote("doctor", "--index", index, "--json").stdout) == {
        "ok": True,
        "problems": [],
    }


def test_papers_have_the_fields_of_the_contract(footnote: Run, sample_config: Config):
    rows = json.loads(footnote("papers", "--json", "--index", sample_config.index).stdout)
    assert len(rows) == 408
    assert set(rows[0]) == {
        "paper_id", "title", "date", "n_authors", "organisation", "upvotes", "sources",
    }  # fmt: skip
    assert all(row["sources"] == [SAMPLE.name] for row in rows)


def test_search_has_the_fields_of_the_contract(footnote: Run, sample_config: Config):
    done = footnote(
        "search", "--index", sample_config.index, "-k", 3, "--json", "prefill", "decode"
    )
    rows = json.loads(done.stdout)
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert set(rows[0]) == {"rank", "paper_id", "title", "score", "passage", "start", "end"}


def test_ask_has_the_fields_of_the_contract(footnote: Run, sample_config: Config):
    question = "What throughput improvement does NanoFlow achieve?"
    done = footnote("ask", question, "--index", sample_config.index, "--json")
    answer = json.loads(done.stdout)
    assert done.stderr == ""
    assert set(answer) == {
        "question", "answer", "refused", "reason", "sentences", "sources", "mode", "confidence",
        "request", "blocks", "nearest", "receipt",
    }  # fmt: skip
    assert (answer["question"], answer["refused"], answer["mode"]) == (question, False, "quote")
    full = json.loads(footnote("papers", "--full", "--json", "--index", sample_config.index).stdout)
    abstracts = {paper["paper_id"]: paper["abstract"] for paper in full}
    for sentence in answer["sentences"]:
        assert set(sentence) == {"text", "verdict", "citations"}
        for cited in sentence["citations"]:
            assert set(cited) == {
                "marker", "paper_id", "title", "quote", "start", "end", "score",
            }  # fmt: skip
            assert abstracts[cited["paper_id"]][cited["start"] : cited["end"]] == cited["quote"]
    assert [set(s) for s in answer["sources"]] == [{"marker", "paper_id", "title"}]


def test_a_refusal_shows_a_person_what_comes_nearest(footnote: Run, sample_config: Config):
    done = footnote("ask", "How many heads does Medusa have?", "--index", sample_config.index)
    reason, nearest = done.stdout.split("\n\nNearest to it:\n")
    assert reason == "Nothing in the 408 papers here mentions Medusa."
    assert nearest.replace("\n- ", "\n").count("\n") >= 3


def test_ask_for_a_person(footnote: Run, sample_config: Config):
    done = footnote("ask", "what", "is", "NanoFlow?", "--index", sample_config.index)
    assert re.search(r"\[1\].*\n\n\[1\] NanoFlow: ", done.stdout, re.DOTALL)


@needs_shared
def test_a_page_of_the_corpus_by_its_path(footnote: Run, tmp_path: Path):
    page = next(PAGES.glob("004*"))
    report = json.loads(footnote("ingest", page, "--index", tmp_path, "--json").stdout)
    assert (report["records"], report["refused"]) == (76, [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "an empty file", id="empty"),
        pytest.param(bytes(range(256)) * 40, "a binary file", id="binary"),
        pytest.param(b"x" * 50_000_000, "not a listing page, JSONL", id="huge-line"),
        pytest.param(b"caf\xe9\nna\xefve\n", "not UTF-8: byte 0xe9 at column 4", id="latin-1"),
        pytest.param(None, "No such file or directory", id="missing"),
    ],
)
def test_a_file_that_gives_nothing_is_an_error_of_one_line(
    footnote: Run, tmp_path: Path, content: bytes | None, reason: str
):
    file = tmp_path / "bad.txt"
    if content is not None:
        file.write_bytes(content)
    done = footnote("ingest", file, "--index", tmp_path / "index", "--json", expect=1)
    assert one_line(done).startswith(f"no paper could be read: bad.txt: {reason}")


def test_a_bad_file_beside_a_good_one_is_only_listed(footnote: Run, tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.jsonl").write_text(GOOD)
    (tmp_path / "in" / "bad.bin").write_bytes(b"\0\1\2")
    done = footnote(
        "ingest", tmp_path / "in", tmp_path / "gone", "--index", tmp_path / "i", "--json"
    )
    report = json.loads(done.stdout)
    assert report["papers"] == 1
    assert {r["source"] for r in report["refused"]} == {"bad.bin", "gone"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ask", "x", "--index", "nowhere"], 1, "no index in nowhere; run `footnote ingest PATH`"),
        (["ask", "--index", "nowhere"], 2, "Missing argument"),
        (["answer"], 2, "No such command 'answer'"),
        (["search", "x", "-k", "0"], 2, "Invalid value for '-k'"),
        (["papers", "--config", "gone.yaml"], 1, "settings file gone.yaml does not exist"),
        (["ask", "x", "--bogus"], 2, "No such option"),
    ],
)
def test_errors_name_the_thing_and_the_next_step(
    footnote: Run, arguments: list[str], code: int, message: str
):
    assert message in one_line(footnote(*arguments, expect=code))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--index", "nowhere", "papers"], "no index in nowhere"),
        (["--index", "nowhere", "papers", "--index", "elsewhere"], "no index in elsewhere"),
        (["--config", "gone.yaml", "papers"], "settings file gone.yaml does not exist"),
        (["--config", "gone.yaml", "papers", "--config", "lost.yaml"], "settings file lost.yaml"),
        (["--config", "here.yaml", "papers"], "no index in from-file"),
        (["--config", "here.yaml", "--index", "nowhere", "papers"], "no index in nowhere"),
        (["papers"], "no index in from-environment"),
    ],
)
def test_settings_are_named_before_or_after_the_command(
    footnote: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
):
    Path("here.yaml").write_text("index: from-file")
    if arguments == ["papers"]:
        monkeypatch.setenv("FOOTNOTE_CONFIG", "here.yaml")
        monkeypatch.setenv("FOOTNOTE_INDEX", "from-environment")
    assert message in one_line(footnote(*arguments, expect=1))


@pytest.mark.parametrize(
    "arguments", [["--debug", "papers", "--index", "x"], ["papers", "--index", "x", "--debug"]]
)
def test_a_traceback_is_shown_where_debug_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
):
    monkeypatch.setattr(sys, "argv", ["footnote", *arguments])
    with pytest.raises(IndexMissingError, match="no index in x"):
        cli.main()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--port", "70000"], 2, "Invalid value for '--port'"),
        (["--port", "-1"], 2, "Invalid value for '--port'"),
        (["--port", "http"], 2, "Invalid value for '--port'"),
        (["--port", "TAKEN"], 1, "is in use by another program; choose another with --port"),
        (["--host", "192.0.2.1"], 1, "'192.0.2.1' is no address of this machine; choose another"),
        (["--host", ""], 1, "'' is no address of this machine"),
        (["--host", "a..b"], 1, "'a..b' is no address of this machine"),
    ],
)
def test_a_port_that_cannot_be_served_on_is_said_before_anything_is_loaded(
    footnote: Run, options: list[str], code: int, message: str
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        options = [port if option == "TAKEN" else option for option in options]
        # There is no index: that would be said first if it were looked for.
        done = footnote("serve", *options, "--index", "nowhere", expect=code)
    assert message in one_line(done)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "the question is empty"),
        ("q" * 100_000, "question of 100,000 characters, at most 4,000"),
    ],
)
def test_a_question_that_cannot_be_asked(
    footnote: Run, sample_config: Config, question: str, message: str
):
    done = footnote("ask", question, "--index", sample_config.index, "--json", expect=1)
    assert message in one_line(done)


def test_an_index_of_another_embedder(
    footnote: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "papers.jsonl"
    file.write_text(GOOD)
    footnote("ingest", file, "--index", tmp_path / "i")
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", "other/model")
    done = footnote("ask", "x", "--index", tmp_path / "i", expect=1)
    assert "was built with embedder `bundled`, the settings ask for `other/model`" in one_line(done)


def test_a_damaged_index_is_named_and_rebuilt(tmp_path: Path):
    # Processes of their own: within one, Chroma and SQLite go on with the files they opened.
    file = tmp_path / "papers.jsonl"
    file.write_text(GOOD)
    index = tmp_path / "i"
    ask = ("ask", "what does Alpha keep", "--index", index)
    footnote_process("ingest", file, "--index", index)
    [snapshot] = (index / "snapshots").iterdir()
    (snapshot / "bm25" / "meta.json").write_text("{")
    (snapshot / "chroma" / "chroma.sqlite3").write_bytes(b"junk" * 5000)
    doctor = footnote_process("doctor", "--index", index, expect=1)
    assert "vector store" in doctor.stdout
    assert "meta.json is not as it was written" in doctor.stdout
    footnote_process("rebuild", "--index", index)
    assert "on disk" in footnote_process(*ask).stdout
    (index / "catalogue.sqlite").write_bytes(b"junk" * 5000)
    assert "catalogue" in one_line(footnote_process("papers", "--index", index, expect=1))


def test_remove_takes_papers_by_id_or_title(footnote: Run, tmp_path: Path):
    file = tmp_path / "papers.jsonl"
    bravo = '{"title": "Bravo: Routing", "abstract": "Bravo routes questions. It is cheap."}'
    file.write_text(f"{GOOD}\n{bravo}")
    at = ("--index", tmp_path / "i")
    footnote("ingest", file, *at)
    done = footnote("remove", "No Such Paper", "alpha a cache", *at, expect=1)
    assert one_line(done).startswith("'No Such Paper' is no paper here; `footnote papers")
    assert "2 papers" in footnote("papers", *at).stderr
    assert footnote("remove", "alpha:  A  cache", *at).stdout == "removed Alpha: A Cache\n"
    assert "mentions Alpha" in footnote("ask", "What does Alpha keep?", *at).stdout
    [row] = json.loads(footnote("papers", "--json", *at).stdout)
    removed = json.loads(footnote("remove", row["paper_id"], "--json", *at).stdout)
    assert removed == {"removed": [{"paper_id": row["paper_id"], "title": "Bravo: Routing"}]}
    assert "is empty" in one_line(footnote("ask", "What does Bravo route?", *at, expect=1))
    empty = json.loads(footnote("rebuild", "--json", *at, expect=1).stdout)
    assert not empty["ok"]
    assert "is empty; run `footnote ingest PATH`" in empty["problems"][0]
    assert "2 added" in footnote("ingest", file, *at).stdout


def test_a_folder_that_may_not_be_written(tmp_path: Path):
    file = tmp_path / "papers.jsonl"
    file.write_text(GOOD)
    index = tmp_path / "index"
    footnote_process("ingest", file, "--index", index)
    for path in [index, *index.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    # Root may write everywhere, unless it gives up the capability to.
    as_anyone = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    done = footnote_process("ingest", file, "--index", index, expect=1, before=as_anyone)
    assert str(index) in one_line(done)
    done = footnote_process("ask", "what does Alpha keep", "--index", index, before=as_anyone)
    assert "Alpha keeps the cache on disk. [1]" in done.stdout


def test_an_open_assistant_sees_what_another_process_takes_in(tmp_path: Path):
    """Chroma went on with its old graph, and every question that reached the new paper failed."""
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(GOOD)
    second.write_text('{"title": "Zebra: Stripes", "abstract": "Zebra paints stripes on caches."}')
    config = built_index(tmp_path / "index", first)
    assistant = open_assistant(config)
    assert not assistant.ask("what does Alpha keep").refused
    footnote_process("ingest", second, "--index", tmp_path / "index")
    assert assistant.search("zebra stripes")[0].paper.title == "Zebra: Stripes"
    assert "stripes" in assistant.ask("what does Zebra paint").answer


def test_a_process_answers_without_any_chatter(sample_config: Config):
    done = footnote_process("ask", "What is NanoFlow?", "--index", sample_config.index, "--json")
    assert json.loads(done.stdout)["sources"][0]["title"].startswith("NanoFlow")
    assert done.stderr == ""


def test_importing_the_command_line_is_light():
    heavy = "'torch', 'gradio', 'chromadb', 'llama_index.core'"
    code = f"import sys, footnote.ui.cli; print([m for m in ({heavy}) if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_a_merge_is_explained_and_undone(footnote: Run, tmp_path: Path):
    good = json.loads(GOOD)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps(good | {"doi": "10.1000/a"}))
    (tmp_path / "in" / "b.bib").write_text(
        "@article{k, title = {Renamed: A Store}, doi = {10.1000/A},\n"
        "abstract = {Renamed keeps what it stores on disk. It is fast as well.}}"
    )
    index = ("--index", tmp_path / "index")
    said = footnote("ingest", tmp_path / "in", *index).stdout
    assert "2 records, 1 paper (1 merged into others): 1 added" in said
    [row] = json.loads(footnote("papers", "--json", *index).stdout)
    assert (row["paper_id"], row["sources"]) == ("doi:10.1000/a", ["a.jsonl", "b.bib"])
    shown = footnote("papers", "--explain", "doi:10.1000/a", *index).stdout
    assert "1 and 2 have the DOI 10.1000/a" in shown
    told = json.loads(footnote("papers", "--explain", row["paper_id"], "--json", *index).stdout)
    assert [set(r) for r in told["records"]] == 2 * [
        {
            "number", "source", "day", "title", "abstract", "arxiv_id", "version_number", "doi",
            "cite_key",
        }
    ]  # fmt: skip
    assert {r["source"] for r in told["records"]} == {"a.jsonl", "b.bib"}
    assert told["joins"][0]["key"] == "doi:10.1000/a"
    apart = json.loads(footnote("papers", "--split", "doi:10.1000/a", "--json", *index).stdout)
    assert len(apart) == 2
    report = json.loads(footnote("ingest", tmp_path / "in", "--json", *index).stdout)
    assert (report["papers"], report["unchanged"]) == (2, 2)
    assert json.loads(footnote("doctor", "--json", *index).stdout)["ok"]
    message = one_line(footnote("papers", "--explain", "nobody", *index, expect=1))
    assert message.startswith("no paper is called 'nobody'")


def test_a_service_that_is_not_there_is_an_error_of_one_line(
    footnote: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_SOURCES__ARXIV__URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("FOOTNOTE_SOURCES__ATTEMPTS", "1")
    done = footnote("ingest", "arxiv:2309.06180", "--index", tmp_path / "i", expect=1)
    message = one_line(done)
    assert "arXiv could not be reached: " in message
    assert message.endswith("what was fetched so far is kept; run the same command again")


def test_what_names_no_papers_of_a_service_is_an_error_that_shows_how(
    footnote: Run, tmp_path: Path
):
    done = footnote("ingest", "hf:trending", "--index", tmp_path / "i", expect=1)
    assert "'hf:trending' names no days; write `hf:2025-01-01..2025-01-07`" in one_line(done)


DATED = [
    {"title": "Old Cache", "abstract": "Old Cache keeps blocks on disk. It is slow.", "date": "2023-04-05"},
    {"title": "New Cache", "abstract": "New Cache keeps blocks in memory. It is fast.", "date": "2024-05-06"},
    {"title": "Some Cache", "abstract": "Some Cache keeps blocks somewhere, in 40% less."},
]  # fmt: skip


def test_a_question_is_asked_of_the_papers_that_the_options_name(footnote: Run, tmp_path: Path):
    file = tmp_path / "dated.jsonl"
    file.write_text("\n".join(map(json.dumps, DATED)))
    config = built_index(tmp_path / "index", file)

    def found(*options: str) -> set[str]:
        done = footnote("search", "--index", config.index, *options, "--json", "who caches blocks?")
        return {row["title"] for row in json.loads(done.stdout)}

    assert found() == {"Old Cache", "New Cache", "Some Cache"}
    assert found("--since", "2024") == {"New Cache"}
    assert found("--reports-number") == {"Some Cache"}
    assert found("--reports-no-number") == {"Old Cache", "New Cache"}
    assert found("--until", "2023-04") == {"Old Cache"}
    assert found("--since", "2023-04-05", "--until", "2024-05-06") == {"Old Cache", "New Cache"}
    assert found("--source", "DATED", "--not-withdrawn") == found()
    assert (
        found("--withdrawn") == found("--organisation", "ACME") == found("--author", "Li") == set()
    )
    asked = ("where does the cache keep blocks?", "--json", "--index", config.index)
    answer = json.loads(footnote("ask", "--since", "2024-05", *asked).stdout)
    assert {source["title"] for source in answer["sources"]} == {"New Cache"}
    assert json.loads(footnote("ask", "--since", "2025", *asked).stdout)["refused"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", "May"], "Invalid value for '--since': 'May' is no date; write YYYY, YYYY-MM or"),
        (["--until", "2024-02-30"], "Invalid value for '--until': '2024-02-30' is no date"),
        (["--since", "2025", "--until", "2024-12"], "'--since': 2025 is after 2024-12"),
        (["--author", " "], "Invalid value for '--author': it is empty; write a name"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["search", "ask"])
def test_an_option_that_names_no_papers_says_how_to_write_it(
    footnote: Run, command: str, options: list[str], said: str
):
    assert said in footnote(command, "x", *options, expect=2).stderr


TRUE = "1-bit Adam cuts communication volume by up to 5 times."
FALSE = "1-bit Adam cuts communication volume by 7 times."


def test_what_is_written_is_compared_with_the_papers(footnote: Run, sample_config: Config):
    [row] = json.loads(footnote("check", TRUE, "--index", sample_config.index, "--json").stdout)
    assert (row["text"], row["verdict"]) == (TRUE, "quoted")
    assert row["citations"][0]["title"].startswith("1-bit Adam")
    found = open_assistant(sample_config, writes=False).paper(row["citations"][0]["paper_id"])
    assert found
    for cited in row["citations"]:
        assert found.abstract[cited["start"] : cited["end"]] == cited["quote"]


def test_a_draft_in_which_something_differs_ends_with_1(
    footnote: Run, sample_config: Config, tmp_path: Path
):
    draft = tmp_path / "draft.md"
    draft.write_text(f"# Related work\n\n{TRUE} {FALSE}\n\nCows of Paris like trains.\n")
    done = footnote("check", draft, "--index", sample_config.index, expect=1)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert lines == [
        f"quoted: {TRUE}",
        f"differs: {FALSE} (“7 times” is not in the sentences cited)",
        "unbound: Cows of Paris like trains. (nothing here speaks of it)",
    ]


def test_a_file_of_records_is_taken_in_and_not_checked(
    footnote: Run, sample_config: Config, tmp_path: Path
):
    file = tmp_path / "refs.bib"
    file.write_text("@article{a, title={Alpha}, abstract={It is fast.}}")
    done = footnote("check", file, "--index", sample_config.index, expect=1)
    assert one_line(done) == (
        f"{file} holds records of papers and states nothing; take it in with footnote ingest {file},"
        " and check what cites it"
    )


def test_a_key_names_the_paper_that_a_statement_is_compared_with(footnote: Run, tmp_path: Path):
    entries = (
        ("alpha", "Alpha: A Cache", "Alpha keeps the cache on disk. It is 2.5x faster."),
        ("bravo", "Bravo: A Cache", "Bravo keeps the cache in memory. It is 4x faster."),
    )
    file = tmp_path / "papers.bib"
    file.write_text(
        "\n".join(
            f"@article{{{key}, title = {{{title}}}, abstract = {{{abstract}}}}}"
            for key, title, abstract in entries
        )
    )
    index = tmp_path / "index"
    footnote("ingest", file, "--index", index)
    said = "It is 4x faster [@bravo]. It is 4x faster [@alpha]. It is 4x faster [@gone]."
    rows = json.loads(footnote("check", said, "--index", index, "--json", expect=1).stdout)
    assert [(row["verdict"], row["keys"]) for row in rows] == [
        ("quoted", ["bravo"]),
        ("differs", ["alpha"]),
        ("unbound", ["gone"]),
    ]
    assert rows[2]["reason"] == "no paper here has the key gone"


def test_what_states_nothing_cannot_be_checked(footnote: Run, sample_config: Config):
    done = footnote("check", "12", "--index", sample_config.index, expect=1)
    assert one_line(done) == "the text holds no statement; write a sentence"


def test_a_report_without_a_model_is_quotes_a_table_and_its_limits(
    footnote: Run, sample_config: Config, tmp_path: Path
):
    command = ["report", "KV cache compression", "--index", sample_config.index, "--papers", 8]
    done = footnote(*command, "--json", "--out", tmp_path / "report.md", "--work", tmp_path / "w")
    report = json.loads(done.stdout)
    assert set(report) == {"topic", "title", "answer", "sections"}
    headings = [section["heading"] for section in report["sections"]]
    assert headings[-2:] == ["The papers", "Limits"]
    assert "What is reported" in headings
    assert all(
        s["text"].endswith(s["citations"][0]["quote"]) for s in report["answer"]["sentences"]
    )
    text = (tmp_path / "report.md").read_text()
    assert "| Paper | Date | What it proposes | What it reports |" in text
    assert "Written from 8 of the 408 papers here." in text
    assert text == footnote(*command).stdout
    assert not (tmp_path / "w").exists()


def test_a_report_on_what_is_not_here_is_refused(footnote: Run, sample_config: Config):
    topic = "recipes for sourdough bread"
    done = footnote("report", topic, "--index", sample_config.index)
    assert "Nothing in the 408 papers here mentions “sourdough”." in done.stdout


def test_a_report_that_cannot_be_written_is_an_error_of_one_line(
    footnote: Run, sample_config: Config, tmp_path: Path
):
    done = footnote(
        "report", "KV cache", "--index", sample_config.index, "--out", tmp_path, expect=1
    )
    assert done.stderr.splitlines()[-1].endswith("; name another file")
