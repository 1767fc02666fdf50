"""One writer at a time, and the second is told who the first is."""

import os
import sys
from pathlib import Path

import pytest

from footnote.rag.core.errors import IndexBusyError
from footnote.rag.index.lock import check_free, writing
from tests.conftest import started

_HOLD = """
import sys
import time
from pathlib import Path
from footnote.rag.index.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path):
    holder = rf"index {tmp_path} is being written by process {os.getpid()} since \d{{4}}-"
    with writing(tmp_path):
        with pytest.raises(IndexBusyError, match=holder), writing(tmp_path, wait_s=0):
            pass
        with pytest.raises(IndexBusyError, match=rf"{holder}.*; wait for it to end"):
            check_free(tmp_path)
    with writing(tmp_path, wait_s=0):
        pass


def test_another_process_that_is_killed_lets_go(tmp_path: Path):
    with started([sys.executable, "-c", _HOLD, tmp_path]) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        with pytest.raises(IndexBusyError, match=f"written by process {process.pid} since"):
            check_free(tmp_path)
    check_free(tmp_path)
    with writing(tmp_path):
        assert (tmp_path / "writer").read_text().startswith(f"process {os.getpid()} ")
    assert not (tmp_path / "writer").exists()


def test_a_holder_that_left_no_name_is_another_process(tmp_path: Path):
    with writing(tmp_path):
        (tmp_path / "writer").unlink()
        with pytest.raises(IndexBusyError, match="is being written by another process"):
            check_free(tmp_path)


def test_asking_makes_nothing(tmp_path: Path):
    check_free(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_lets_go(tmp_path: Path):
    with pytest.raises(RuntimeError), writing(tmp_path / "new"):
        raise RuntimeError
    check_free(tmp_path / "new")
