"""Runs one command for as long as whoever started it lives, then removes its directory.

Usage: supervise.py DIRECTORY COMMAND...

The starter keeps the writing end of this process's standard input. When the starter ends, in whatever way, a SIGKILL
included, the system closes that end: the command is killed and the directory is removed. Standard library only, as it
runs in an isolated interpreter.
"""

import select
import shutil
import signal
import subprocess
import sys

POLL_S = 0.5


def main() -> int:
    """Return the command's exit code, or 0 when the starter let go first."""
    directory, command = sys.argv[1], sys.argv[2:]
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        while process.poll() is None:
            readable, _, _ = select.select([sys.stdin.buffer], [], [], POLL_S)
            if readable and not sys.stdin.buffer.read1(1024):
                process.kill()
                process.wait()
                shutil.rmtree(directory, ignore_errors=True)
                return 0
        return process.returncode


if __name__ == "__main__":
    sys.exit(main())
