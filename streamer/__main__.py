"""`python -m streamer` is the program."""

from __future__ import annotations

from streamer.cli import main

if __name__ == "__main__":
    main()
