"""Give a reader of one format damaged files, by atheris, which follows what the code does.

`make fuzz FORMAT=bib SECONDS=450` begins with the files that were found before, kept in
`fuzzed.tar.xz`, and adds what it finds to them. What breaks a reader is left beside that.
"""

import subprocess
import sys
import tarfile
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from footnote.ingest.record import Refusal, SourceRecord

KEPT = Path(__file__).with_name("fuzzed.tar.xz")
FORMATS = ("atom", "bib", "csv", "json", "jsonl", "ris", "tsv", "txt")
# Of a file; longer ones find little more, slower.
_MOST_BYTES = 6_000
_HANGS_S = 20
# A format and how long; who is given a folder too fuzzes there.
_OF_A_RUN = 3


def named(form: str) -> str:
    """Return the name of a file of a format, by which its reader is chosen."""
    return f"fuzzed.{'xml' if form == 'atom' else form}"


def check(found: SourceRecord | Refusal) -> None:
    """Fail if a record or a refusal cannot be shown."""
    assert isinstance(found, SourceRecord | Refusal)
    repr(found).encode()


def unpacked(folder: Path) -> None:
    """Unpack the files that were found before, a folder a format."""
    with tarfile.open(KEPT) as archive:
        archive.extractall(folder, filter="data")


def main(form: str, seconds: str) -> None:
    """Fuzz the reader of a format for some seconds, and keep what was found."""
    with tempfile.TemporaryDirectory() as folder:
        corpora = Path(folder)
        unpacked(corpora)
        # It ends the process that it runs in.
        command = [sys.executable, "-m", "tests.ingest.fuzzing", form, seconds, folder]
        ended = subprocess.run(command, check=False)
        with tarfile.open(KEPT, "w:xz", preset=9) as archive:
            for each in sorted(corpora.glob("*/*")):
                archive.add(each, each.relative_to(corpora))
    sys.exit(ended.returncode)


def fuzz(form: str, seconds: str, corpora: str) -> None:
    """Fuzz the reader of a format, and add what is found to the corpora; does not return."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["footnote"]):
        from footnote.ingest.sources import read_source

    file = Path(tempfile.mkdtemp(), named(form))

    def read(data: bytes) -> None:
        file.write_bytes(data)
        for found in read_source(file, "fuzzed"):
            check(found)

    options = {
        "max_total_time": seconds,
        "max_len": _MOST_BYTES,
        "timeout": _HANGS_S,
        "artifact_prefix": KEPT.with_name(f"{form}-"),
    }
    flags = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], str(Path(corpora, form)), *flags], read)
    atheris.Fuzz()


if __name__ == "__main__":
    (main if len(sys.argv) == _OF_A_RUN else fuzz)(*sys.argv[1:])
