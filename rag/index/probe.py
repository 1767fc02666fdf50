"""Ask an index real questions in a process of its own, which a damaged file may take down."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from footnote.rag.core.errors import Fault, FaultKind, FootnoteError
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.snapshot import Snapshot, disagreements

# Some 5,000 papers take a few seconds.
_TIMEOUT_S = 1_800
# What an interrupted writer may leave, and the next one takes away; and what no writer can mend.
_UNFINISHED = FaultKind.SURPLUS, FaultKind.GRAPH


def probe(folder: Path, *, exact_up_to: int, unfinished: bool = False) -> list[Fault]:
    """List what the snapshot in force does not hold as the catalogue of this index folder says.

    Args:
        folder: The index folder.
        exact_up_to: Sentences up to which all are compared, as for questions.
        unfinished: Pass over what an interrupted writer may have left, and what a graph loses.

    Returns:
        One for each kind of fault; none when every paper is found.
    """
    command = [
        sys.executable,
        "-m",
        "footnote.rag.index.probe",
        str(folder.absolute()),
        str(exact_up_to),
    ]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [Fault(f"index {folder} does not answer within {_TIMEOUT_S} s")]
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        found = [Fault(what, step, FaultKind(kind)) for what, step, kind in told]
    except (ValueError, IndexError):
        ended = signal.Signals(-done.returncode).name if done.returncode < 0 else "a fault"
        return [Fault(f"index {folder} ends the process that reads it ({ended})")]
    return [f for f in found if f.kind not in _UNFINISHED] if unfinished else found


def _main(folder: Path, exact_up_to: int) -> None:
    try:
        catalogue = Catalogue(folder / "catalogue.sqlite")
        name = catalogue.state().snapshot or ""
        snapshot = Snapshot.load(folder / "snapshots" / name)
        found = disagreements(catalogue, snapshot, exact_up_to)
    except FootnoteError as error:
        found = [Fault(error.what, error.step)]
    sys.stdout.write(json.dumps([(f.what, f.step, f.kind) for f in found]) + "\n")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
