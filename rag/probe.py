"""Ask an index real questions in a process of its own, which a damaged file may take down."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from rag.catalogue import Catalogue
from rag.errors import FootnoteError
from rag.generation import LOST_BY_A_GRAPH, Generation, disagreements

# Some 5,000 papers take a few seconds.
_TIMEOUT_S = 1_800
# What an interrupted writer may leave, and the next one takes away; and what no writer can mend.
_UNFINISHED = "no paper", "not in the catalogue", LOST_BY_A_GRAPH


def probe(folder: Path, *, exact_up_to: int, unfinished: bool = False) -> list[str]:
    """What the generation in force does not hold as the catalogue of this index folder says.

    Args:
        folder: The index folder.
        exact_up_to: Sentences up to which all are compared, as for questions.
        unfinished: Pass over what an interrupted writer may have left, and what a graph loses.

    Returns:
        A line for each kind of fault; none when every paper is found.
    """
    command = [sys.executable, "-m", "rag.probe", str(folder.absolute()), str(exact_up_to)]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"index {folder} does not answer within {_TIMEOUT_S} s; run `footnote rebuild`"]
    try:
        found = [str(line) for line in json.loads(done.stdout.splitlines()[-1])]
    except (ValueError, IndexError):
        ended = signal.Signals(-done.returncode).name if done.returncode < 0 else "a fault"
        return [f"index {folder} ends the process that reads it ({ended}); run `footnote rebuild`"]
    if unfinished:
        return [line for line in found if not any(part in line for part in _UNFINISHED)]
    return found


def _main(folder: Path, exact_up_to: int) -> None:
    try:
        catalogue = Catalogue(folder / "catalogue.sqlite")
        name = catalogue.state().generation or ""
        generation = Generation.load(folder / "generations" / name)
        found = disagreements(catalogue, generation, exact_up_to)
    except FootnoteError as error:
        found = [str(error)]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
