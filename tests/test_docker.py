"""What the Dockerfile relies on, without Docker: no user of rights, and one folder that is written."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from footnote.rag.core.config import load_config
from tests.conftest import ROOT, footnote_command, started
from tests.ui.serving import VARIABLES, made_index, wait_for_page

DOCKERFILE = (ROOT / "Dockerfile").read_text()
ANYONE = 65_534


def test_what_the_dockerfile_names_is_there():
    lines = DOCKERFILE.replace("\\\n", " ")
    command = json.loads(re.findall(r"^CMD (\[.*\])$", lines, re.MULTILINE)[-1])
    assert command[0] == "footnote"
    known = subprocess.run(
        footnote_command(*command[1:], "--help"), capture_output=True, text=True, check=True
    )
    assert "--host" in known.stdout
    assert re.search(r"^torch==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    [health] = re.findall(r"HEALTHCHECK .*?CMD (\[.*\])$", lines, re.MULTILINE)
    compile(json.loads(health)[2], "health", "exec")
    assert re.search(r"^USER (?!root)", DOCKERFILE, re.MULTILINE)


def test_the_variables_of_dockerfile_and_compose_are_settings(monkeypatch: pytest.MonkeyPatch):
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["footnote"]
    named = dict(re.findall(r"(FOOTNOTE_\w+)=(\S+)", DOCKERFILE)) | service["environment"]
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    config = load_config()
    assert str(config.index) == "/data/index"
    assert config.store.url == "http://chroma:8000"
    assert (config.llm.backend, config.llm.model) == ("ollama", "qwen3:8b")


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only an administrator can mount what is read alone")
def test_it_serves_where_one_folder_alone_can_be_written(tmp_path: Path):
    """As a container does that is started with `--read-only --tmpfs /tmp`."""
    shut = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && ! touch /x 2>&- && exec "$@"'
    if subprocess.run(["unshare", "-m", "sh", "-c", shut, tmp_path, "true"]).returncode:
        pytest.skip("nothing can be mounted here")
    config = made_index(tmp_path)
    command = footnote_command("serve", "--port", "0", "--index", config.index)
    variables = {
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "FOOTNOTE_EMBEDDER__NAME": config.embedder.name,
        "FOOTNOTE_WEB__REPORTS": str(tmp_path / "reports"),
        **VARIABLES,
    }
    # Where others may run this Python, as one of them.
    if all(path.stat().st_mode & 0o005 == 0o005 for path in Path(sys.executable).resolve().parents):
        for path in (tmp_path, *tmp_path.rglob("*")):
            os.chown(path, ANYONE, ANYONE)
        command = ["setpriv", f"--reuid={ANYONE}", f"--regid={ANYONE}", "--clear-groups", *command]
    with (
        (tmp_path / "log").open("w") as log,
        started(
            ["unshare", "-m", "sh", "-c", shut, tmp_path, *command],
            stderr=log.fileno(),
            **variables,
        ) as process,
    ):
        assert process.stdout
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert found, (tmp_path / "log").read_text()
        with httpx.Client(base_url=found[0], timeout=60) as client:
            delta = (
                b'{"title": "Delta: A Router", "abstract": "Delta routes questions. It is cheap."}'
            )
            begun = client.post("/v1/ingest", files={"files": ("delta.jsonl", delta)})
            while client.get(begun.headers["location"]).json()["state"] == "running":
                time.sleep(0.05)
            asked = client.post("/v1/ask", json={"question": "What does Delta route?"})
            assert "routes questions" in asked.json()["answer"]
            wait_for_page(f"{found[0]}/")
            assert client.get("/").status_code == 200
        process.terminate()
        assert process.wait(60) == 0
    assert (tmp_path / "log").read_text() == ""
