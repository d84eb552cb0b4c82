"""The command line: parses, calls wiring, prints. No logic."""

from __future__ import annotations


def main() -> None:
    """Run the program."""
