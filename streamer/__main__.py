"""`python -m streamer` is the program."""

from __future__ import annotations

from streamer.interrupts import ended_at_once, raised_again


def main() -> None:
    """Run the program, which takes a moment to load, in which Ctrl-C may come already."""
    with ended_at_once():
        from streamer.cli import main as run  # noqa: PLC0415 - what it loads may be interrupted
    with raised_again():
        run()


if __name__ == "__main__":
    main()
