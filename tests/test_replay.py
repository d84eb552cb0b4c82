"""What a replay says of itself."""

from __future__ import annotations

from pathlib import Path

from streamer.detection.detector import Detector
from streamer.detection.settings import DetectionSettings
from streamer.replay import Replay, Summary
from streamer.sinks.files import FileSink


def doubt(tmp_path: Path, summary: Summary) -> str | None:
    replay = Replay(Detector(DetectionSettings()), FileSink(tmp_path), lambda: 0.0)
    replay.summary = summary
    return replay.doubt()


def test_an_input_most_of_which_was_used_raises_no_doubt(tmp_path: Path) -> None:
    assert doubt(tmp_path, Summary(events_read=10, events_used=5, late=5)) is None


def test_an_input_that_was_mostly_late_or_ahead_is_doubted(tmp_path: Path) -> None:
    late = doubt(tmp_path, Summary(events_read=10, events_used=4, late=6))
    assert late is not None
    assert late.startswith("only 4 of 10 events were used, 6 were late: sort the input by time")
    ahead = doubt(tmp_path, Summary(events_read=1, ahead=1))
    assert ahead is not None
    assert "1 were ahead of all others" in ahead
