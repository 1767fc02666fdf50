"""Papers are asked while the rest of them is still being taken in."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import footnote_command, started
from tests.ui.serving import EMBEDDER, VARIABLES, wait_for_page

N = 200


def papers(folder: Path, n_papers: int = N) -> Path:
    file = folder / "many.jsonl"
    rows = [
        {"title": f"System {n}", "abstract": f"System{n} keeps block {n} on disk. It is fast."}
        for n in range(n_papers)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


@pytest.mark.slow
def test_the_doors_are_open_before_the_first_paper_is_and_the_page_before_all_are(tmp_path: Path):
    variables = {
        **VARIABLES,
        "FOOTNOTE_EMBEDDER__NAME": "tests.hashing:SlowEmbedding",
    }
    index = tmp_path / "index"
    command = footnote_command("demo", papers(tmp_path), "--port", "0", "--index", index)
    with started(command, **variables) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("papers, as they come in, answer at http://127.0.0.1:")
        url = line.split("://")[1].split()[0].rstrip("/")
        asked = httpx.post(f"http://{url}/v1/ask", json={"question": "What is Alpha?"}, timeout=60)
        assert (asked.status_code, asked.json()["detail"]) == (
            409,
            "the first papers are just being taken in; ask again in a moment",
        )
        opening = httpx.get(f"http://{url}/", headers={"Accept-Language": "de-DE,de"})
        assert (opening.status_code, opening.headers["retry-after"]) == (503, "1")
        assert "Footnote wird geöffnet" in opening.text
        for _ in range(600):
            if (ready := httpx.get(f"http://{url}/ready")).is_success:
                break
            assert ready.status_code == 503
            time.sleep(0.05)
        state = ready.json()
        assert (state["papers"], state["coming"]) == (N, 0)
        assert 0 < state["by_words"] <= N
        body = {"question": "What does System199999 keep?"}
        reason = httpx.post(f"http://{url}/v1/ask", json=body, timeout=60).json()["reason"]
        assert "are found by their words alone so far" in reason
        # The last one that is embedded.
        body = {"question": "What does System99 keep?"}
        answer = httpx.post(f"http://{url}/v1/ask", json=body, timeout=60).json()
        assert [c["quote"] for s in answer["sentences"] for c in s["citations"]] == [
            "System99 keeps block 99 on disk."
        ]
        assert "by_words" in httpx.get(f"http://{url}/ready").json()
        for _ in range(300):
            if "by_words" not in (state := httpx.get(f"http://{url}/ready").json()):
                break
            time.sleep(0.2)
        assert (state["papers"], state["coming"]) == (N, 0)
        wait_for_page(f"http://{url}/")
        assert "gradio" in httpx.get(f"http://{url}/").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def killed(process: subprocess.Popen[str], url: str) -> None:
    """End a process and its children, once all papers are found by their words."""
    for _ in range(600):
        if httpx.get(f"{url}/ready").is_success:
            break
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [process.pid, *map(int, children)]:
        os.kill(pid, signal.SIGKILL)
    process.wait(60)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="/proc tells a process's children")
@pytest.mark.parametrize("command", ["demo", "serve"])
def test_what_was_interrupted_is_asked_at_once_and_finished_beside(tmp_path: Path, command: str):
    gate, index = tmp_path / "gate", tmp_path / "index"
    variables = {
        **VARIABLES,
        "FOOTNOTE_EMBEDDER__NAME": "tests.hashing:GatedEmbedding",
        "TESTS_GATE": str(gate),
    }
    gate.touch()
    begun = footnote_command("demo", papers(tmp_path), "--port", "0", "--index", index)
    with started(begun, **variables) as process:
        assert process.stdout
        killed(process, process.stdout.readline().split(" at ")[1].split()[0].rstrip("/"))
    gate.unlink()
    further = tmp_path / "further.jsonl"
    further.write_text(
        json.dumps({"title": "Alpha", "abstract": "Alpha keeps zebras in a stable."})
    )
    what = [further] if command == "demo" else []
    with started(
        footnote_command(command, *what, "--port", "0", "--index", index), **variables
    ) as process:
        assert process.stdout
        url = process.stdout.readline().split(" at ")[1].split()[0].rstrip("/")
        state = httpx.get(f"{url}/ready").json()
        assert state["papers"] >= N
        assert state["by_words"] > 0
        gate.touch()
        for _ in range(600):
            state = httpx.get(f"{url}/ready").json()
            if state["papers"] == N + len(what) and "by_words" not in state:
                break
            time.sleep(0.1)
        assert state == {"status": "ready", "papers": N + len(what), "coming": 0}
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.slow
def test_what_cannot_be_taken_in_ends_it(tmp_path: Path):
    command = footnote_command("demo", tmp_path / "none", "--port", "0", "--index", tmp_path / "i")
    with started(command, FOOTNOTE_EMBEDDER__NAME=EMBEDDER) as process:
        _, said = process.communicate(timeout=240)
    assert process.returncode == 1
    assert said == "footnote: no paper could be read: none: No such file or directory\n"
    assert "Traceback" not in said
