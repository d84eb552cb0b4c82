"""`python -m streamer` is the program."""

from __future__ import annotations

import sys
from typing import NoReturn

from streamer.interrupts import raised_again

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the program, which takes a moment to load, in which Ctrl-C may come already."""
    with raised_again():
        try:
            from streamer.cli import main as run  # noqa: PLC0415 - what it loads may be interrupted
        except KeyboardInterrupt:
            sys.stderr.write("streamer: interrupted\n")
            sys.exit(INTERRUPTED)
        run()


if __name__ == "__main__":
    main()
