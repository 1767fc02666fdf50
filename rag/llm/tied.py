"""Become another program, which ends when the process that started it does.

Run by its path as `tied.py PARENT PROGRAM ARGUMENT…`, with nothing of Footnote imported, on Linux.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, and become the program."""
    parent, *command = sys.argv[1:]
    # Before the check: a parent that ends in between is seen there.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the process that started this one has ended")
    os.execvp(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main()
