"""Runs one command that dies with whoever started it, a SIGKILL of the starter included, where the system can do that.

Usage: python -m streamer.demo.leash STARTER_PID COMMAND...
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def leashed(command: list[str]) -> list[str]:
    """The command that runs `command` until this process ends; its process id, signals and exit code stay its own."""
    return [sys.executable, "-m", "streamer.demo.leash", str(os.getpid()), *command]


def main() -> None:
    """Ask the system for a SIGKILL when the starter dies, and become the command."""
    starter, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The starter may have died before we asked.
        if os.getppid() != starter:
            return
    os.execv(command[0], command)  # noqa: S606 - our own command, without a shell


if __name__ == "__main__":
    main()
