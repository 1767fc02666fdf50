"""The child that serves a model: started, asked, and never left behind. The program is a small one."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from footnote.rag.core.errors import ConfigError, GenerationError
from footnote.rag.llm.load import load_model
from footnote.rag.llm.port import Message
from footnote.rag.llm.talk import Reply
from tests.conftest import started as begun
from tests.llm.servers import KEY

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HELLO = [Message("user", "Say hello.")]
# Takes llama-server's options, notes what it was given, loads for a moment, and answers.
PROGRAM = f"""\
#!{sys.executable}
import json, os, pathlib, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

options = {{name: value for name, value in zip(sys.argv, sys.argv[1:]) if name[:2] == "--"}}
here = pathlib.Path(__file__).parent
note = {{"pid": os.getpid(), "argv": sys.argv, "environment": dict(os.environ)}}
(here / "draft").write_text(json.dumps(note))
(here / "draft").rename(here / "started.json")
if "broken" in options["--model"]:
    print("loading the model")
    sys.exit("error: the model is broken")
ready = time.monotonic() + 0.5

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > ready else 503)
        self.end_headers()

    def do_POST(self):
        known = self.headers["Authorization"] == "Bearer " + os.environ["LLAMA_API_KEY"]
        self.send_response(200 if known else 401)
        self.end_headers()
        choice = {{"delta": {{"content": "Hello."}}, "finish_reason": "stop"}}
        self.wfile.write(b"data: " + json.dumps({{"choices": [choice]}}).encode() + b"\\n\\n")

ThreadingHTTPServer(("127.0.0.1", int(options["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the program, which is on the PATH, and of two models."""
    server = tmp_path / "llama-server"
    server.write_text(PROGRAM)
    server.chmod(0o755)
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def started(folder: Path) -> dict[str, Any]:
    """What the program noted when it was started last; the note is taken away."""
    for _ in range(100):
        if (folder / "started.json").is_file():
            note = json.loads((folder / "started.json").read_text())
            (folder / "started.json").unlink()
            return note
        time.sleep(0.1)
    raise AssertionError("the program was not started")


def runs(pid: int) -> bool:
    """Return True if a process is there that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def is_gone_soon(pid: int) -> bool:
    for _ in range(50):
        if not runs(pid):
            return True
        time.sleep(0.1)
    return False


def said(model: Any) -> str:
    return "".join(Reply(model, HELLO, timeout_s=15, max_tokens=9))


def test_a_model_is_served_by_a_child(program: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", KEY)
    options = {"n_gpu_layers": 7, "no_warmup": True, "mlock": False}
    model = load_model(
        "llama.cpp", model=str(program / "small.gguf"), context_window=999, arguments=options
    )
    assert model.name == "small"
    assert said(model) == "Hello."
    note = started(program)
    given = " ".join(note["argv"])
    assert f"--model {program / 'small.gguf'} --alias small --ctx-size 999 --parallel 1" in given
    assert "--n-gpu-layers 7 --no-warmup --host 127.0.0.1 --port" in given
    assert "mlock" not in given
    # Nobody's key but one made for it, which no list of processes shows.
    assert KEY not in note["environment"].values()
    assert note["environment"]["LLAMA_API_KEY"] not in given
    assert note["environment"]["LLAMA_API_KEY"] not in repr(vars(model))
    pid = note["pid"]
    assert runs(pid)
    del model
    assert is_gone_soon(pid)


def test_it_lives_on_when_the_thread_that_asked_first_ends(program: Path):
    """The kernel sends its signal when the thread ends that started a child, not the process."""
    known: list[Any] = []

    def load() -> None:
        known.append(load_model("llama.cpp", model=str(program / "small.gguf")))
        known.append(started(program)["pid"])

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    model, pid = known
    time.sleep(0.5)
    assert runs(pid)
    assert said(model) == "Hello."


def test_one_that_ended_is_started_again(program: Path):
    model = load_model("llama.cpp", model=str(program / "small.gguf"))
    assert said(model) == "Hello."
    first = started(program)["pid"]
    os.kill(first, signal.SIGKILL)
    assert is_gone_soon(first)
    assert said(model) == "Hello."
    assert started(program)["pid"] != first


def test_one_that_cannot_start_says_why(program: Path):
    model = load_model("llama.cpp", model=str(program / "broken.gguf"))
    for _ in range(2):
        with pytest.raises(GenerationError) as caught:
            said(model)
        assert str(caught.value) == "could not be started: error: the model is broken (exit 1)"
        started(program)  # it is tried anew each time


def test_a_program_that_is_none(program: Path):
    (program / "llama-server").write_text("#!/no/such/interpreter\n")
    model = load_model("llama.cpp", model=str(program / "small.gguf"))
    with pytest.raises(GenerationError, match=r"could not be started: .*No such file"):
        said(model)


PARENT = """\
import sys, time
from footnote.rag.llm.load import load_model
from footnote.rag.llm.port import Message
from footnote.rag.llm.talk import Reply
model = load_model("llama.cpp", model=sys.argv[1])
reply = Reply(model, [Message("user", "Hello?")], timeout_s=15, max_tokens=9)
text = "".join(reply)
# From here on nothing is let go: an interrupt that comes while something is would be passed over.
print(text, flush=True)
time.sleep(float(sys.argv[2]))
"""


def end_by(name: str) -> Callable[["subprocess.Popen[str]"], None]:
    return lambda parent: parent.send_signal(getattr(signal, name))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "sleep_s"),
    [
        pytest.param(end_by("SIGKILL"), 60, id="killed"),
        pytest.param(end_by("SIGTERM"), 60, id="terminated"),
        pytest.param(end_by("SIGINT"), 60, id="interrupted"),
        pytest.param(lambda _: None, 0, id="at-its-end"),
    ],
)
def test_nothing_is_left_behind(
    program: Path, end: Callable[["subprocess.Popen[str]"], None], sleep_s: float
):
    command = [sys.executable, "-c", PARENT, program / "small.gguf", sleep_s]
    with begun(command, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "Hello.\n"
        pid = started(program)["pid"]
        end(parent)
        parent.wait(timeout=15)
    gone = is_gone_soon(pid)
    if not gone:
        os.kill(pid, signal.SIGKILL)
    assert gone


def test_neither_program_nor_model_is_asked_for_what_is_not_here(program: Path):
    with pytest.raises(ConfigError, match="there is no file"):
        load_model("llama.cpp", model=str(program / "none.gguf"))
    assert not (program / "started.json").exists()
