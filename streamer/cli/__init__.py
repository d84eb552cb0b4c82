"""The command line: parses, calls wiring, prints. No logic."""

from __future__ import annotations

from streamer.cli.application import main

__all__ = ["main"]
