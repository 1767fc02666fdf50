"""Jobs over REST: papers taken in and answers measured, how far they are, and calling them off."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from starlette.testclient import TestClient

from footnote.rag.core.config import Config
from footnote.ui.changes import _plain  # pyright: ignore[reportPrivateUsage]
from footnote.ui.jobs import Jobs
from tests.ui.serving import client_of, made_index

pytestmark = pytest.mark.slow
DELTA = {"title": "Delta: A Router", "abstract": "Delta routes questions to models. It is cheap."}
JUDGED = {"id": "q1", "question": "What does Alpha keep?", "relevant": {"Alpha: A Cache": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changed")


@pytest.fixture(scope="module")
def config(folder: Path) -> Config:
    return made_index(folder)


@pytest.fixture(scope="module")
def client(config: Config, folder: Path) -> Iterator[TestClient]:
    with client_of(config, reports=folder / "reports", upload_mb=1.0) as client:
        yield client


def ended(client: TestClient, begun: Any) -> dict[str, Any]:
    """What became of a job, once it is over."""
    assert begun.status_code == 202, begun.text
    assert begun.headers["location"] == f"/v1/jobs/{begun.json()['job_id']}"
    for _ in range(600):
        job = client.get(begun.headers["location"]).json()
        if job["state"] not in ("running", "cancelling"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def test_records_are_taken_in_and_answered_from(client: TestClient):
    body = {"records": [DELTA, {"title": "Nothing"}], "source": "desk"}
    job = ended(client, client.post("/v1/ingest", json=body))
    assert (job["state"], job["result"]["added"]) == ("done", 1)
    [refused] = job["result"]["refused"]
    assert refused["source"] == "desk.jsonl"
    found = client.get("/v1/papers", params={"source": "desk"}).json()
    assert [paper["title"] for paper in found["papers"]] == [DELTA["title"]]
    listed = client.get("/v1/jobs").json()
    assert listed[0]["job_id"] == job["job_id"]
    assert "result" not in listed[0]


def test_files_of_several_formats_are_taken_in_and_deleted(client: TestClient):
    bib = "@article{e, title={Echo: A Log}, abstract={Echo keeps a log in order. It is small.}}"
    row = {"title": "Foxtrot: A Queue", "abstract": "Foxtrot keeps a queue. It is short."}
    files = [
        ("files", ("../../refs.bib", bib.encode())),
        ("files", ("more.jsonl", json.dumps(row).encode())),
    ]
    job = ended(client, client.post("/v1/ingest", files=files))
    assert (job["label"], job["result"]["added"]) == ("refs.bib, more.jsonl", 2)
    uploads = client.app.state.uploads._folder  # type: ignore[attr-defined]
    assert list(Path(uploads.name).iterdir()) == []


@pytest.mark.parametrize(
    ("path", "sent", "status", "said"),
    [
        ("ingest", {"json": {}}, 422, "nothing to add"),
        ("ingest", {"json": {"queries": ["/etc/passwd"]}}, 422, "names no service"),
        ("ingest", {"json": {"records": [3]}}, 422, "records.0"),
        ("ingest", {"json": {"source": "../x"}}, 422, "source"),
        ("ingest", {"content": b"x", "headers": {"Content-Type": "text/csv"}}, 415, "text/csv"),
        ("ingest", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "JSON"),
        ("ingest", {"data": {"files": "x"}, "files": {"x": b"x"}}, 422, "text, not a file"),
        ("ingest", {"files": {"files": ("a.jsonl", b"x" * 11_000_001)}}, 413, "11,000,000 bytes"),
        ("ingest", {"files": [("files", (f"{n}", b"x")) for n in range(101)]}, 400, "many files"),
        ("evaluate", {"json": {"questions": []}}, 422, "questions"),
        ("evaluate", {"data": {"name": "x"}, "files": {"other": b"x"}}, 422, "no question file"),
        ("evaluate", {"json": {"questions": [JUDGED], "name": ".."}}, 422, "name"),
    ],
)
def test_what_cannot_be_begun_is_told_and_leaves_nothing(
    client: TestClient, path: str, sent: dict[str, Any], status: int, said: str
):
    before = client.get("/v1/jobs").json()
    answer = client.post(f"/v1/{path}", **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert client.get("/v1/jobs").json() == before
    uploads = client.app.state.uploads._folder  # type: ignore[attr-defined]
    assert uploads is None or list(Path(uploads.name).iterdir()) == []


def test_a_file_that_holds_no_paper_fails_the_job(client: TestClient):
    job = ended(client, client.post("/v1/ingest", files={"files": ("a.jsonl", b"{")}))
    assert job["state"] == "failed"
    assert "no paper could be read: a.jsonl" in job["error"]


def test_answers_are_measured_and_the_report_is_read(client: TestClient, folder: Path):
    questions = json.dumps(JUDGED).encode()
    sent = {"questions": ("mine.jsonl", questions)}
    job = ended(client, client.post("/v1/evaluate", files=sent, data={"name": "first"}))
    assert (job["state"], job["result"]) == ("done", {"report": "first"}), job
    [row] = client.get("/v1/reports").json()
    assert (row["name"], row["dataset"], row["n_questions"]) == ("first", "mine", 1)
    report = client.get("/v1/reports/first").json()
    assert report["questions"] == {"q1": JUDGED["question"]}
    assert report["report"]["means"]["all"]
    again = client.post("/v1/evaluate", json={"questions": [JUDGED], "name": "first"})
    assert again.status_code == 422
    assert "already" in again.json()["detail"]
    assert client.get("/v1/reports/../../etc").status_code == 404
    assert client.get("/v1/reports/nobody").json()["type"].endswith("not_here_error")
    wrong = ended(client, client.post("/v1/evaluate", json={"questions": [{"id": "x"}]}))
    assert "line 1" in wrong["error"]
    assert [each.name for each in (folder / "reports").iterdir()] == ["first"]


def test_a_job_that_is_under_way_is_alone_and_can_be_called_off(client: TestClient):
    jobs: Jobs = client.app.state.shelf.jobs  # type: ignore[attr-defined]
    go_on = Event()

    def endless(progress: Any) -> None:
        progress("reading", 1, 4)
        go_on.wait(30)
        progress("reading", 2, 4)

    at = f"/v1/jobs/{jobs.start('ingest', endless, label='a file')}"
    busy = client.post("/v1/ingest", json={"records": [DELTA]})
    assert busy.status_code == 409
    assert "another job is under way: ingest a file" in busy.json()["detail"]
    seen = client.get(at).json()
    while not seen["total"]:
        seen = client.get(at).json()
    assert (seen["phase"], seen["done"], seen["total"]) == ("reading", 1, 4)
    assert client.delete(at).json()["state"] == "cancelling"
    assert client.delete(at).status_code == 202
    go_on.set()
    jobs.wait(seen["job_id"], 30)
    over = client.delete(at)
    assert over.status_code == 409
    assert "over already: cancelled" in over.json()["detail"]
    assert client.get("/v1/jobs/nobody").status_code == 404


def test_a_server_that_only_shows_begins_nothing(config: Config):
    with client_of(config, writable=False) as client:
        for path in ("ingest", "evaluate"):
            answer = client.post(f"/v1/{path}", json={"records": [DELTA]})
            assert answer.status_code == 403
            assert "web.writable" in answer.json()["detail"]
        assert upload(client) == 404


def upload(client: TestClient) -> int:
    return client.post("/gradio_api/upload", files={"files": b"x"}).status_code


def test_the_page_s_way_to_upload_is_there_where_it_takes_files_alone(
    client: TestClient, config: Config, monkeypatch: pytest.MonkeyPatch
):
    assert upload(client) == 200
    # An administrator may write everywhere, whatever the folder says.
    monkeypatch.setattr("footnote.ui.shelf.is_writable", lambda _: False)
    with client_of(config) as shut:
        assert upload(shut) == 404
        assert shut.post("/v1/ingest", json={"records": [DELTA]}).status_code == 403


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a.bib", "a.bib"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\b.ris", "b.ris"),
        (".hidden", "hidden"),
        ("..", "papers"),
        ("", "papers"),
        ("a\0b\n.csv", "a_b_.csv"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
    ],
)
def test_a_file_is_kept_under_a_plain_name(sent: str, kept: str):
    assert _plain(sent) == kept
